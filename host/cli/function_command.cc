// SPDX-License-Identifier: Apache-2.0
#include "cli/function_command.h"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include "app/process.h"
#include "base/clock.h"
#include "http/client.h"

namespace millrace::cli {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

constexpr Millis kRollbackMax{30'000};
constexpr Millis kLookEvery{50};

// What a command ends with early: it has said why.
struct Ended {
  int code = 0;
};
template <class T>
using OrEnded = std::variant<T, Ended>;

Ended Fail(const std::string& what, int code = app::kExitFailure) {
  std::cerr << "millrace function: " << what << "\n";
  return {code};
}

std::string TextOf(const value& member, const std::string& otherwise) {
  if (member.is_string()) return std::string(member.get_string());
  if (member.is_number()) return std::to_string(member.to_number<int64_t>());
  return otherwise;
}

// The member's text; a member that is null or not there is `otherwise`.
std::string TextOf(const object& from, std::string_view name, const std::string& otherwise = "") {
  const value* found = from.if_contains(name);
  return found ? TextOf(*found, otherwise) : otherwise;
}

// The answer's object, if the status is one of success.
OrEnded<object> Ask(const FunctionArguments& arguments, const std::string& method,
                    const std::string& target) {
  const auto server = http::ParseEndpoint(arguments.server);
  if (!server) return Fail(server.error().message, app::kExitUsage);
  const auto response =
      http::Send(*server, {.method = method, .target = target, .fields = {}, .body = {}});
  if (!response) {
    const bool away = response.error().error_class == ErrorClass::kRetriable;
    return Fail(response.error().message, away ? app::kExitUnavailable : app::kExitFailure);
  }
  boost::system::error_code error;
  const value answer = boost::json::parse(response->body, error);
  if (error || !answer.is_object()) {
    return Fail(arguments.server + " did not answer as a millrace host does");
  }
  if (response->status >= 300) {
    return Fail(
        TextOf(answer.get_object(), "detail", "status " + std::to_string(response->status)));
  }
  return answer.get_object();
}

std::string PathOf(const FunctionArguments& arguments) {
  return "/api/v1/functions/" + http::PercentEncode(arguments.function);
}

// Columns as wide as their widest cell; the last one as it is.
void PrintTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - row[i].size() + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    std::cout << line << "\n";
  }
}

// Those that are at work or on their way, and the newest, whatever became of it.
std::string GenerationsText(const object& function) {
  const array& records = function.at("generations").as_array();
  std::string text;
  for (const value& item : records) {
    const object& record = item.as_object();
    const std::string state = TextOf(record, "state");
    const bool over = state == "retired" || state == "refused";
    if (over && &item != &records.back()) continue;
    text += (text.empty() ? "" : ", ") + TextOf(record, "number", "-") + " " +
            TextOf(record, "hash", "-") + " " + state;
  }
  return text.empty() ? "-" : text;
}

// The sum over what this host owns; "?" when a part of it is not known.
std::string LagText(const object& function) {
  int64_t lag = 0;
  for (const value& task : function.at("tasks").as_array()) {
    for (const value& topic : task.at("topics").as_array()) {
      if (!topic.at("lag").is_number()) return "?";
      lag += topic.at("lag").to_number<int64_t>();
    }
    if (task.at("topics").as_array().empty()) return "?";
  }
  return std::to_string(lag);
}

std::string TimeText(const value& since) {
  const auto seconds = static_cast<std::time_t>(since.to_number<int64_t>() / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

// The generation's record; null if it is forgotten.
const object* RecordOf(const object& function, const std::string& number) {
  for (const value& generation : function.at("generations").as_array()) {
    if (TextOf(generation.as_object(), "number") == number) return &generation.as_object();
  }
  return nullptr;
}

int AwaitGeneration(const FunctionArguments& arguments, const std::string& to) {
  const auto until = std::chrono::steady_clock::now() + kRollbackMax;
  while (std::chrono::steady_clock::now() < until) {
    auto asked = Ask(arguments, "GET", PathOf(arguments));
    if (const auto* ended = std::get_if<Ended>(&asked)) return ended->code;
    const object& function = std::get<object>(asked);
    const object* record = RecordOf(function, to);
    const std::string state = record ? TextOf(*record, "state") : "";
    if (state == "running") {
      std::cout << arguments.function << " runs generation " << to << " ("
                << TextOf(*record, "hash") << ")\n";
      return app::kExitDone;
    }
    if (state == "refused") {
      return Fail("generation " + to + " does not run: " + TextOf(*record, "reason")).code;
    }
    std::this_thread::sleep_for(kLookEvery);
  }
  return Fail("generation " + to + " does not run yet; see millrace function history " +
              arguments.function)
      .code;
}

// A host of another version may answer in another shape.
template <class Body>
int Guarded(const FunctionArguments& arguments, Body body) {
  try {
    return body();
  } catch (const boost::system::system_error&) {
    return Fail(arguments.server + " answers in a shape that this version does not know").code;
  }
}

}  // namespace

int ListFunctions(const FunctionArguments& arguments) {
  auto asked = Ask(arguments, "GET", "/api/v1/functions");
  if (const auto* ended = std::get_if<Ended>(&asked)) return ended->code;
  return Guarded(arguments, [&] {
    std::vector<std::vector<std::string>> rows{
        {"NAME", "STATE", "GENERATIONS", "TASKS", "LAG", "REASON"}};
    for (const value& item : std::get<object>(asked).at("functions").as_array()) {
      const object& function = item.as_object();
      rows.push_back({TextOf(function, "name"), TextOf(function, "state"),
                      GenerationsText(function),
                      std::to_string(function.at("tasks").as_array().size()), LagText(function),
                      TextOf(function, "reason")});
    }
    PrintTable(rows);
    return app::kExitDone;
  });
}

int ShowHistory(const FunctionArguments& arguments) {
  auto asked = Ask(arguments, "GET", PathOf(arguments));
  if (const auto* ended = std::get_if<Ended>(&asked)) return ended->code;
  return Guarded(arguments, [&] {
    std::vector<std::vector<std::string>> rows{{"GENERATION", "HASH", "STATE", "SINCE", "REASON"}};
    for (const value& item : std::get<object>(asked).at("generations").as_array()) {
      const object& record = item.as_object();
      rows.push_back({TextOf(record, "number", "-"), TextOf(record, "hash", "-"),
                      TextOf(record, "state"), TimeText(record.at("since")),
                      TextOf(record, "reason")});
    }
    PrintTable(rows);
    return app::kExitDone;
  });
}

int RollBack(const FunctionArguments& arguments) {
  std::string target = PathOf(arguments) + "/rollback";
  if (arguments.to) target += "?to=" + std::to_string(*arguments.to);
  auto asked = Ask(arguments, "POST", target);
  if (const auto* ended = std::get_if<Ended>(&asked)) return ended->code;
  return Guarded(arguments, [&] {
    const object& to = std::get<object>(asked).at("to").as_object();
    return AwaitGeneration(arguments, TextOf(to, "number"));
  });
}

}  // namespace millrace::cli
