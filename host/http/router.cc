// SPDX-License-Identifier: Apache-2.0
#include "http/router.h"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>
#include <exception>

#include "http/event.h"
#include "http/json.h"

namespace millrace::http {
namespace {

using Path = std::vector<std::string>;

Reply Answer(const Liveness& liveness) {
  const bool alive = liveness.state == Liveness::State::kAlive;
  return JsonReply(alive ? 200 : 503, ToJson(liveness));
}

Reply Answer(const Readiness& readiness) {
  return JsonReply(readiness.reasons.empty() ? 200 : 503, ToJson(readiness));
}

Reply Metrics(Api& api) {
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = api.RenderMetrics(),
          .allow = {}};
}

Reply NoSuchFunction(const std::string& name) {
  return ErrorReply(404, "no function '" + name + "'; GET /api/v1/functions lists them");
}

Reply Function(Api& api, const std::string& name) {
  const auto function = api.GetFunction(name);
  return function ? JsonReply(200, ToJson(*function)) : NoSuchFunction(name);
}

int StatusOf(InvokeErrorKind kind) {
  switch (kind) {
    case InvokeErrorKind::kBadRequest:
      return 400;
    case InvokeErrorKind::kUnknownFunction:
      return 404;
    case InvokeErrorKind::kRefused:
      return 409;
    case InvokeErrorKind::kNotRunning:
    case InvokeErrorKind::kBusy:
    case InvokeErrorKind::kUnavailable:
      return 503;
  }
  return 500;
}

Reply Answer(const std::string& name, const InvokeResult& result) {
  if (const auto* response = std::get_if<InvokeResponse>(&result)) {
    return JsonReply(200, ToJson(*response));
  }
  const auto& error = std::get<InvokeError>(result);
  if (error.kind == InvokeErrorKind::kUnknownFunction) return NoSuchFunction(name);
  return ErrorReply(StatusOf(error.kind), error.detail);
}

void Invoke(Api& api, const std::string& name, std::string_view query, Request&& request,
            const ReplyCallback& reply) {
  if (const auto why = UnsupportedMedia(request)) return reply(ErrorReply(415, *why));
  auto event = ParseEvent(std::move(request), query);
  if (!event) return reply(ErrorReply(400, event.error().message));
  api.Invoke({.function = name, .event = std::move(*event)},
             [name, reply](const InvokeResult& result) { reply(Answer(name, result)); });
}

int StatusOf(RollbackErrorKind kind) {
  switch (kind) {
    case RollbackErrorKind::kUnknownFunction:
      return 404;
    case RollbackErrorKind::kNoGeneration:
      return 409;
    case RollbackErrorKind::kNotRunning:
      return 503;
  }
  return 500;
}

// "to=N" or nothing.
Result<std::optional<uint64_t>> ParseTo(const boost::urls::url_view& url) {
  std::optional<uint64_t> to;
  for (const auto& parameter : url.params()) {
    uint64_t number = 0;
    const std::string value = parameter.value;
    const char* const end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, number);
    const bool right = error == std::errc() && stop == end && number > 0;
    if (parameter.key != "to" || to || !right) {
      return Poison("a rollback takes ?to=NUMBER, a generation from 1, once, and nothing else");
    }
    to = number;
  }
  return to;
}

// Browsers send Origin with what a page asks for: no page has business here.
Reply RollBack(Api& api, const std::string& name, const boost::urls::url_view& url,
               const Request& request) {
  if (Find(request.fields, "Origin")) {
    return ErrorReply(403, "a rollback is not for web pages; use millrace function rollback");
  }
  const auto to = ParseTo(url);
  if (!to) return ErrorReply(400, to.error().message);
  const RollbackResult result = api.RollBack({.function = name, .to = *to});
  if (const auto* response = std::get_if<RollbackResponse>(&result)) {
    return JsonReply(202, ToJson(*response));
  }
  const auto& error = std::get<RollbackError>(result);
  if (error.kind == RollbackErrorKind::kUnknownFunction) return NoSuchFunction(name);
  return ErrorReply(StatusOf(error.kind), error.detail);
}

enum class Resource {
  kNone,
  kLivez,
  kReadyz,
  kMetrics,
  kVersion,
  kFunctions,
  kFunction,
  kInvoke,
  kRollback
};

Resource ResourceAt(const Path& path) {
  if (path.size() == 1) {
    if (path[0] == "livez") return Resource::kLivez;
    if (path[0] == "readyz") return Resource::kReadyz;
    if (path[0] == "metrics") return Resource::kMetrics;
    if (path[0] == "version") return Resource::kVersion;
    return Resource::kNone;
  }
  const bool functions =
      path.size() >= 3 && path[0] == "api" && path[1] == "v1" && path[2] == "functions";
  if (!functions) return Resource::kNone;
  if (path.size() == 3) return Resource::kFunctions;
  if (path.size() == 4) return Resource::kFunction;
  if (path.size() != 5) return Resource::kNone;
  if (path[4] == "invoke") return Resource::kInvoke;
  return path[4] == "rollback" ? Resource::kRollback : Resource::kNone;
}

// None if the resource has the method.
std::optional<Reply> RefuseMethod(Resource resource, std::string_view method) {
  const bool post = resource == Resource::kInvoke || resource == Resource::kRollback;
  if (post ? method == "POST" : method == "GET" || method == "HEAD") return std::nullopt;
  Reply reply = ErrorReply(405, post ? "this resource takes POST" : "this resource takes GET");
  reply.allow = post ? "POST" : "GET, HEAD";
  return reply;
}

Reply Get(Api& api, Resource resource, const Path& path) {
  switch (resource) {
    case Resource::kLivez:
      return Answer(api.GetLiveness());
    case Resource::kReadyz:
      return Answer(api.GetReadiness());
    case Resource::kMetrics:
      return Metrics(api);
    case Resource::kVersion:
      return JsonReply(200, ToJson(api.GetVersion()));
    case Resource::kFunctions:
      return JsonReply(200, ToJson(api.ListFunctions()));
    case Resource::kFunction:
      return Function(api, path[3]);
    case Resource::kInvoke:
    case Resource::kRollback:
    case Resource::kNone:
      break;
  }
  return ErrorReply(404, "no such resource; GET /api/v1/functions lists the functions");
}

void Dispatch(Api& api, Request&& request, const ReplyCallback& reply) {
  const std::string target = request.target;
  const auto url = boost::urls::parse_origin_form(target);
  if (!url) return reply(ErrorReply(400, "the target is not a percent-encoded path and query"));
  Path path;
  for (const auto& segment : url->segments()) path.push_back(segment);
  const Resource resource = ResourceAt(path);
  if (resource == Resource::kNone) return reply(Get(api, resource, path));
  if (auto refused = RefuseMethod(resource, request.method)) return reply(std::move(*refused));
  if (resource == Resource::kRollback) return reply(RollBack(api, path[3], *url, request));
  if (resource != Resource::kInvoke) return reply(Get(api, resource, path));
  const std::string_view query = url->encoded_query();
  Invoke(api, path[3], query, std::move(request), reply);
}

}  // namespace

void Route(Api& api, Request request, const ReplyCallback& reply) {
  try {
    Dispatch(api, std::move(request), reply);
  } catch (const std::exception& failure) {
    reply(ErrorReply(500, std::string("the host failed to answer: ") + failure.what()));
  }
}

}  // namespace millrace::http
