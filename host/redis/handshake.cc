// SPDX-License-Identifier: Apache-2.0
#include "redis/handshake.h"

#include <algorithm>
#include <cstdlib>

namespace millrace::redis {
namespace {

// The longest interval of "3600 1 300 100": what one lone write waits for its snapshot.
long LongestSaveSeconds(const std::string& save) {
  long longest = 0;
  const char* at = save.c_str();
  for (int word = 0;; ++word) {
    char* end = nullptr;
    const long number = std::strtol(at, &end, 10);
    if (end == at) return longest;
    if (word % 2 == 0) longest = std::max(longest, number);
    at = end;
  }
}

}  // namespace

size_t Handshake::Begin(OutBuffer* out) {
  steps_.clear();
  answered_ = loaded_ = 0;
  unchecked_.clear();
  CommandWriter writer(out);
  if (!url_.password.empty()) {
    writer.Begin(url_.user.empty() ? 2 : 3).Arg("AUTH");
    if (!url_.user.empty()) writer.Arg(url_.user);
    writer.Arg(url_.password);
    steps_.push_back(Step::kAuth);
  }
  if (url_.database != 0) {
    writer.Begin(2).Arg("SELECT").Number(url_.database);
    steps_.push_back(Step::kSelect);
  }
  for (size_t i = 0; i < kScriptCount; ++i) {
    writer.Begin(3).Arg("SCRIPT").Arg("LOAD").Arg(ScriptText(static_cast<Script>(i)));
    steps_.push_back(Step::kLoad);
  }
  for (const auto& [name, step] :
       {std::pair("maxmemory-policy", Step::kEviction), std::pair("appendonly", Step::kAppendOnly),
        std::pair("appendfsync", Step::kAppendSync), std::pair("save", Step::kSave)}) {
    writer.Begin(3).Arg("CONFIG").Arg("GET").Arg(name);
    steps_.push_back(step);
  }
  return steps_.size();
}

Status Handshake::OnReply(Reply reply) {
  const Step step = steps_[answered_++];
  const std::string text(reply[0].text.view());
  const bool failed = reply[0].type == ReplyNode::Type::kError;
  switch (step) {
    case Step::kAuth:
      if (failed) return Retriable(url_.Printable() + " refuses the login: " + text);
      return {};
    case Step::kSelect:
      if (failed) return Retriable(url_.Printable() + " refuses the database: " + text);
      return {};
    case Step::kLoad:
      if (failed) return Retriable(url_.Printable() + " refuses the scripts: " + text);
      return OnLoaded(reply);
    default:
      OnSetting(step, reply);
      return {};
  }
}

Status Handshake::OnLoaded(Reply reply) {
  if (reply[0].text.is_null()) return Retriable(url_.Printable() + " names no script");
  script_names_[loaded_++] = reply[0].text.view();
  return {};
}

void Handshake::OnSetting(Step step, Reply reply) {
  if (step == Step::kEviction) refusal_.reset();
  if (reply.size() != 3) {
    if (unchecked_.empty()) unchecked_ = "CONFIG GET says " + std::string(reply[0].text.view());
    return;
  }
  const std::string value(reply[2].text.view());
  if (step == Step::kAppendOnly) append_only_ = value;
  if (step == Step::kAppendSync) append_sync_ = value;
  if (step == Step::kSave) save_ = value;
  if (step != Step::kEviction || !value.starts_with("allkeys-")) return;
  refusal_ = Fatal(url_.Printable() + " has maxmemory-policy " + value +
                   " and would throw state away when memory is short: set maxmemory-policy "
                   "noeviction");
}

std::vector<std::string> Handshake::Warnings() const {
  const std::string where = url_.Printable();
  if (!unchecked_.empty()) {
    return {where + ": could not check how durable it is (" + unchecked_ +
            "): see that maxmemory-policy is noeviction and appendonly is yes"};
  }
  if (append_only_ == "yes") {
    if (append_sync_ != "no") return {};
    return {where +
            " has appendfsync no: a power failure loses what the kernel has not written, "
            "usually up to 30 s: set appendfsync everysec"};
  }
  if (const long seconds = LongestSaveSeconds(save_); seconds > 0) {
    return {where + " has no append-only file, only snapshots: a crash loses up to " +
            std::to_string(seconds) + " s of state: set appendonly yes"};
  }
  return {where +
          " has neither append-only file nor snapshots: a restart loses all state: set "
          "appendonly yes"};
}

}  // namespace millrace::redis
