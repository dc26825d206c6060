// SPDX-License-Identifier: Apache-2.0
#include "app/calls_in_flight.h"

#include <unistd.h>

#include <filesystem>
#include <utility>

#include "app/function_needs.h"
#include "app/random_epoch.h"
#include "model/task.h"

namespace millrace::app {
namespace {

constexpr Millis kSilentMin{5'000};  // beyond limits.timeout, for one that may wait for processors

CrashMark MarkOf(std::string topic, const invoke::InFlight::Call& call, uint64_t library) {
  return {.topic = std::move(topic),
          .offset = call.offset,
          .together = call.together,
          .hash12 = invoke::Hash12Of(library),
          .id = RandomEpoch()};
}

}  // namespace

CallsInFlight::CallsInFlight(const FunctionSpec& spec, std::string file, Logger* log)
    : function_(spec.name),
      input_topics_(InputTopics(spec)),
      timeout_(spec.limits.timeout),
      log_(log),
      file_(std::move(file)),
      board_(MakeBoard(spec.lanes)) {}

std::shared_ptr<LaneBoard> CallsInFlight::MakeBoard(int lanes) {
  if (file_.empty()) return std::make_shared<LaneBoard>(lanes);
  std::error_code none;  // told with the file
  std::filesystem::create_directories(std::filesystem::path(file_).parent_path(), none);
  std::optional<LaneBoard::Remains> remains;
  auto board = LaneBoard::Keep(file_, lanes, &remains);
  if (!board) {
    log_->Warn(
        "function " + function_ +
        ": an event that ends this process will not be known after it: " + board.error().message);
    file_.clear();
    return std::make_shared<LaneBoard>(lanes);
  }
  if (remains) NoteRemains(*remains);
  return *std::move(board);
}

void CallsInFlight::NoteRemains(const LaneBoard::Remains& remains) {
  const invoke::InFlight::Call& call = remains.call;
  if (call.partition < 0 || call.topic >= input_topics_.size()) return;
  const std::string& topic = input_topics_[call.topic];
  log_->Error("function " + function_ +
              ": its handler has ended the former process of this host while it worked on " +
              Coordinates(topic, call.partition, call.offset));
  crashes_[call.partition] = MarkOf(topic, call, remains.library);
}

void CallsInFlight::RemoveFile() {
  if (!file_.empty()) unlink(file_.c_str());
}

// The lane's report is from before the call, perhaps from before the task had begun.
std::string CallsInFlight::TopicOf(int lane, const invoke::InFlight::Call& call,
                                   const std::vector<LaneReport>& reports) const {
  std::string topic = call.topic < input_topics_.size() ? input_topics_[call.topic] : "?";
  for (const lane::TaskStatus& task : reports[static_cast<size_t>(lane)].tasks) {
    if (task.partition == call.partition && call.topic < task.topics.size()) {
      topic = task.topics[call.topic].topic;
    }
  }
  return topic;
}

std::string CallsInFlight::AtCall(int lane, const invoke::InFlight::Call& call,
                                  const std::vector<LaneReport>& reports) const {
  return Coordinates(TopicOf(lane, call, reports), call.partition, call.offset);
}

std::optional<invoke::InFlight::Call> CallsInFlight::LateCall(const invoke::InFlight& in_flight,
                                                              SteadyTime now) const {
  const auto call = in_flight.Read();
  return call && now >= call->since + timeout_ ? call : std::nullopt;
}

std::string CallsInFlight::ForTooLong() const {
  return " for longer than limits.timeout (" + std::to_string(timeout_.count()) + " ms)";
}

std::optional<std::string> CallsInFlight::LateHandler(
    int lane, SteadyTime now, const std::vector<LaneReport>& reports) const {
  const auto call = LateCall(board_->slot(lane).in_flight, now);
  if (!call) return std::nullopt;
  if (call->partition < 0) return "start() or stop() of the library has lasted" + ForTooLong();
  return "the handler has worked on " + AtCall(lane, *call, reports) + ForTooLong();
}

std::optional<CallsInFlight::Late> CallsInFlight::TooLong(
    SteadyTime now, const std::vector<LaneReport>& reports) const {
  for (int lane = 0; lane < board_->lanes(); ++lane) {
    if (auto late = LateHandler(lane, now, reports)) {
      return Late{*std::move(late), NumberOfLane(lane)};
    }
  }
  if (LateCall(board_->invocation(), now)) {
    return Late{"the handler has worked on an invocation over HTTP" + ForTooLong(),
                NumberOfLane(board_->invocation_slot())};
  }
  if (LateCall(board_->opening(), now)) {
    return Late{"its library has been opened or closed" + ForTooLong(),
                NumberOfLane(board_->opening_slot())};
  }
  if (now >= board_->alive() + timeout_ + kSilentMin) {
    return Late{"it has said nothing" + ForTooLong() + ", as if it had been stopped",
                process::Culprit::kOther};
  }
  return std::nullopt;
}

std::string CallsInFlight::DiedOf(const std::vector<LaneReport>& reports) const {
  if (const auto lane = board_->CulpritLane()) {
    const auto call = board_->slot(*lane).in_flight.Read();
    if (!call) return "";
    return call->partition < 0 ? " while an instance of its library was started or stopped"
                               : " while its handler worked on " + AtCall(*lane, *call, reports);
  }
  const int32_t culprit = board_->culprit()->value();
  if (culprit == NumberOfLane(board_->invocation_slot())) {
    return " while its handler worked on an invocation over HTTP";
  }
  if (culprit == process::Culprit::kOutside) return ", which another process has sent";
  if (culprit == process::Culprit::kOther) return " on a thread of the library's own";
  return board_->opening().Read() ? " while its library was opened" : "";
}

bool CallsInFlight::DiedInHandlerOf(const std::string& hash12) const {
  const auto lane = board_->CulpritLane();
  if (!lane) return false;
  const invoke::InFlight& in_flight = board_->slot(*lane).in_flight;
  const auto call = in_flight.Read();
  return call && call->partition >= 0 && in_flight.library() == invoke::LibraryNumber(hash12);
}

void CallsInFlight::NoteCrash(const std::map<int32_t, int>& tasks,
                              const std::vector<LaneReport>& reports) {
  const auto lane = board_->CulpritLane();
  if (!lane) return;
  const invoke::InFlight& in_flight = board_->slot(*lane).in_flight;
  const auto call = in_flight.Read();
  if (!call || !tasks.contains(call->partition)) return;
  crashes_[call->partition] = MarkOf(TopicOf(*lane, *call, reports), *call, in_flight.library());
}

std::optional<CrashMark> CallsInFlight::Crash(int32_t partition) const {
  const auto crash = crashes_.find(partition);
  if (crash == crashes_.end()) return std::nullopt;
  return crash->second;
}

}  // namespace millrace::app
