// SPDX-License-Identifier: Apache-2.0
#include "redis/function_keys.h"

#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

#include "redis/command_connection.h"
#include "redis/task_keys.h"

namespace millrace::redis {
namespace {

using Command = CommandConnection::Command;
using Answer = CommandConnection::Answer;

constexpr const char* kPageKeys = "1000";
constexpr std::string_view kTask = ":task";
constexpr std::string_view kApplied = "applied:";

template <class Integer>
std::optional<Integer> NumberOf(std::string_view text) {
  Integer number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

void ReadField(std::string_view name, std::string_view value, StoredProgress* progress) {
  if (name == "group") progress->group = value;
  if (name == "partitions") progress->partitions = value;
  if (name == "published") progress->published_seq = NumberOf<uint64_t>(value).value_or(0);
  if (!name.starts_with(kApplied)) return;
  if (const auto offset = NumberOf<int64_t>(value)) {
    progress->applied.push_back({std::string(name.substr(kApplied.size())), *offset});
  }
}

}  // namespace

// One answer of SCAN: the function's keys among it, each with its task.
struct FunctionKeys::Page {
  std::string cursor;
  struct Key {
    int32_t partition = 0;
    std::string name;
    bool is_task = false;
  };
  std::vector<Key> keys;
};

FunctionKeys::FunctionKeys(std::unique_ptr<CommandConnection> connection, std::string prefix)
    : connection_(std::move(connection)), prefix_(std::move(prefix)) {}
FunctionKeys::~FunctionKeys() = default;

Result<std::unique_ptr<FunctionKeys>> FunctionKeys::Connect(FunctionKeysOptions options,
                                                            const Clock* clock) {
  const auto names = KeySpace::Create(options.name_space, options.function, {});
  if (!names) return names.error();
  auto connection =
      CommandConnection::Open(std::move(options.url), options.ca_file, options.times, clock);
  if (!connection) return connection.error();
  std::string prefix = "{mr:" + options.name_space + ":" + options.function + ":";
  return std::unique_ptr<FunctionKeys>(new FunctionKeys(*std::move(connection), std::move(prefix)));
}

std::string FunctionKeys::TaskKey(int32_t partition) const {
  return prefix_ + std::to_string(partition) + "}" + std::string(kTask);
}

// The pattern narrows what is sent; what is a key of the function is decided here, to the letter.
Status FunctionKeys::Scan(const std::string& cursor, Page* page) {
  const Command scan = {"SCAN", cursor, "MATCH", prefix_ + "*}:*", "COUNT", kPageKeys};
  const auto answers = connection_->Call({&scan, 1});
  if (!answers) return answers.error();
  const Answer& answer = answers->front();
  if (answer.size() < 3) return Retriable("Redis gives an unexpected answer to SCAN");
  page->cursor = answer[1].text.view();
  page->keys.clear();
  for (size_t i = 3; i < answer.size(); ++i) {
    const std::string_view name = answer[i].text.view();
    if (!name.starts_with(prefix_)) continue;
    const std::string_view rest = name.substr(prefix_.size());
    const size_t end = rest.find('}');
    if (end == std::string_view::npos || !rest.substr(end + 1).starts_with(':')) continue;
    const auto partition = NumberOf<int32_t>(rest.substr(0, end));
    if (!partition || *partition < 0) continue;
    page->keys.push_back({*partition, std::string(name), rest.substr(end + 1) == kTask});
  }
  return {};
}

Result<std::optional<KeySurvey>> FunctionKeys::Survey(const GoOn& go_on) {
  KeySurvey survey;
  Page page{.cursor = "0", .keys = {}};
  do {
    if (const Status scanned = Scan(page.cursor, &page); !scanned) return scanned.error();
    survey.keys += page.keys.size();
    for (const Page::Key& key : page.keys) survey.tasks[key.partition];
    if (!go_on(survey.keys)) return std::optional<KeySurvey>();
  } while (page.cursor != "0");
  if (const Status read = ReadProgress(&survey); !read) return read.error();
  return std::optional(std::move(survey));
}

Status FunctionKeys::ReadProgress(KeySurvey* survey) {
  for (auto& [partition, progress] : survey->tasks) {
    const std::vector<Command> commands = {{"TYPE", TaskKey(partition)},
                                           {"HGETALL", TaskKey(partition)}};
    const auto type = connection_->Call({commands.data(), 1});
    if (!type) return type.error();
    const std::string_view is = type->front()[0].text.view();
    progress.other_type = is != "hash" && is != "none";
    if (progress.other_type) continue;
    const auto fields = connection_->Call({commands.data() + 1, 1});
    if (!fields) return fields.error();
    const Answer& answer = fields->front();
    for (size_t i = 1; i + 1 < answer.size(); i += 2) {
      ReadField(answer[i].text.view(), answer[i + 1].text.view(), &progress);
    }
  }
  return {};
}

Result<bool> FunctionKeys::Remove(const KeySurvey& found, const std::string& epoch,
                                  const GoOn& go_on) {
  std::vector<Command> marks;
  Command tasks = {"UNLINK"};
  for (const auto& [partition, progress] : found.tasks) {
    const std::string task = TaskKey(partition);
    marks.push_back({"MULTI"});
    if (progress.other_type) marks.push_back({"UNLINK", task});
    marks.push_back({"HSET", task, "epoch", epoch, "format", std::string(kRemovedFormat)});
    marks.push_back({"EXEC"});
    tasks.push_back(task);
  }
  if (marks.empty()) return true;
  if (const auto marked = connection_->Call(marks); !marked) return marked.error();

  uint64_t removed = 0;
  Page page{.cursor = "0", .keys = {}};
  do {
    if (const Status scanned = Scan(page.cursor, &page); !scanned) return scanned.error();
    Command unlink = {"UNLINK"};
    for (Page::Key& key : page.keys) {
      if (!key.is_task) unlink.push_back(std::move(key.name));
    }
    if (unlink.size() > 1) {
      const auto gone = connection_->Call({&unlink, 1});
      if (!gone) return gone.error();
      removed += static_cast<uint64_t>(gone->front()[0].integer);
    }
    if (!go_on(removed)) return false;
  } while (page.cursor != "0");
  const auto gone = connection_->Call({&tasks, 1});
  if (!gone) return gone.error();
  return true;
}

}  // namespace millrace::redis
