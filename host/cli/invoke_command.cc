// SPDX-License-Identifier: Apache-2.0
#include "cli/invoke_command.h"

#include <boost/json.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "app/process.h"
#include "http/bytes.h"
#include "http/client.h"

namespace millrace::cli {
namespace {

constexpr const char* kEnvelope = "application/vnd.millrace.event+json";

std::optional<std::string> ReadValue(const std::string& value) {
  if (value == "-") {
    return std::string(std::istreambuf_iterator<char>(std::cin), {});
  }
  if (!value.starts_with("@")) return value;
  std::ifstream file(value.substr(1), std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void PutBytes(boost::json::object* envelope, const std::string& name, const std::string& bytes) {
  if (http::IsUtf8(bytes)) {
    (*envelope)[name] = bytes;
  } else {
    (*envelope)[name + "_base64"] = http::EncodeBase64(bytes);
  }
}

int Usage(const std::string& what) {
  std::cerr << "millrace invoke: " << what << "\n";
  return app::kExitUsage;
}

int ExitCode(const http::ClientResponse& response) {
  if (response.status != 200) return app::kExitFailure;
  boost::system::error_code error;
  const boost::json::value answer = boost::json::parse(response.body, error);
  const auto* object = error ? nullptr : answer.if_object();
  const auto* outcome = object ? object->if_contains("outcome") : nullptr;
  return outcome && outcome->is_string() && outcome->get_string() == "done" ? app::kExitDone
                                                                            : app::kExitFailure;
}

}  // namespace

int Invoke(const InvokeArguments& arguments) {
  const auto server = http::ParseEndpoint(arguments.server);
  if (!server) return Usage(server.error().message);
  boost::json::object envelope;
  if (arguments.key) PutBytes(&envelope, "key", *arguments.key);
  if (arguments.tombstone) {
    envelope["value"] = nullptr;
  } else {
    const auto value = ReadValue(arguments.value);
    if (!value) return Usage("cannot read " + arguments.value.substr(1));
    PutBytes(&envelope, "value", *value);
  }
  boost::json::object headers;
  for (const std::string& header : arguments.headers) {
    const size_t equals = header.find('=');
    if (equals == std::string::npos) return Usage("--header wants NAME=VALUE, not " + header);
    headers[header.substr(0, equals)] = header.substr(equals + 1);
  }
  if (!headers.empty()) envelope["headers"] = headers;
  if (arguments.topic) envelope["topic"] = *arguments.topic;
  if (arguments.partition) envelope["partition"] = *arguments.partition;
  if (arguments.timestamp_ms) envelope["timestamp"] = *arguments.timestamp_ms;

  const http::Request request{
      .method = "POST",
      .target = "/api/v1/functions/" + http::PercentEncode(arguments.function) + "/invoke",
      .fields = {{"Content-Type", kEnvelope}},
      .body = boost::json::serialize(envelope)};
  const auto response = http::Send(*server, request);
  if (!response) {
    std::cerr << "millrace invoke: " << response.error().message << "\n";
    return response.error().error_class == ErrorClass::kRetriable ? app::kExitUnavailable
                                                                  : app::kExitFailure;
  }
  std::cout << response->body << "\n";
  return ExitCode(*response);
}

}  // namespace millrace::cli
