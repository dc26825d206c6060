// SPDX-License-Identifier: Apache-2.0
#include "app/lane_process.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "process/spawn.h"

namespace millrace::app {
namespace {

constexpr observe::LogRate kPrintedRate{.lines = 20, .interval = Millis(1'000)};
constexpr size_t kLineBytesMax = 1024;         // of what is printed; what is longer becomes several
constexpr size_t kReadBytesMax = 1024 * 1024;  // in one step
constexpr size_t kUnsentBytesMax = 64 * 1024 * 1024;
constexpr Millis kClosedMax{500};

http::InvokeError Gone(const std::string& how) {
  return {http::InvokeErrorKind::kUnavailable,
          "the function's process " + how + " before the handler had returned"};
}

}  // namespace

LibraryToOpen ToOpen(const Generation& generation) {
  return {.number = generation.number, .copy = generation.copy, .file = generation.file};
}

LaneProcess::LaneProcess(LaneProcessOptions options)
    : options_(std::move(options)),
      printed_(*options_.log, *options_.clock, kPrintedRate),
      reports_(static_cast<size_t>(options_.start.spec.lanes)),
      commands_(reports_.size()) {
  for (LaneReport& report : reports_) report.idle = true;
}

Result<std::unique_ptr<LaneProcess>> LaneProcess::Start(LaneProcessOptions options) {
  std::unique_ptr<LaneProcess> lanes(new LaneProcess(std::move(options)));
  if (Status spawned = lanes->Spawn(); !spawned) return spawned.error();
  if (Status watched = lanes->Watch(); !watched) return watched.error();
  // It has done nothing yet, and waits to be told.
  if (lanes->options_.cgroup) {
    if (Status added = lanes->options_.cgroup->AddProcess(lanes->pid_); !added)
      return added.error();
  }
  lanes->Send(lanes->options_.start);
  return lanes;
}

Status LaneProcess::Spawn() {
  auto ends = process::Channel::Connect();
  if (!ends) return ends.error();
  auto output = process::MakePipe();
  if (!output) return output.error();
  process::SpawnRequest request{.command = options_.command,
                                .output = output->write.get(),
                                .descriptors = {{ends->second.get(), kChannelFd},
                                                {options_.board->slots_memory().fd(), kSlotsFd},
                                                {options_.board->lease_memory().fd(), kLeaseFd}}};
  request.command.push_back(std::to_string(getpid()));
  const auto pid = process::Spawn(std::move(request));
  if (!pid) return pid.error();
  pid_ = *pid;
  channel_.emplace(std::move(ends->first));
  output_ = std::move(output->read);
  return {};
}

Status LaneProcess::Watch() {
  auto watched = process::WatchProcess(pid_);
  if (!watched) return watched.error();
  process_ = *std::move(watched);
  epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return Retriable(SystemText("epoll", errno));
  for (const int fd : {channel_->fd(), output_.get(), process_.get()}) {
    epoll_event wanted{.events = EPOLLIN, .data = {}};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &wanted) != 0) {
      return Retriable(SystemText("epoll", errno));
    }
  }
  return {};
}

LaneProcess::~LaneProcess() {
  if (pid_ > 0) {
    channel_.reset();  // tells it to end
    pollfd ended{.fd = process_.get(), .events = POLLIN, .revents = 0};
    if (process_) poll(&ended, 1, static_cast<int>(kEndMax.count()));
    TakeOutput();
    if (!line_.empty()) TellOutput();
    Reap();
  }
  const std::string how = end_.value_or("was ended");
  for (auto& [id, callback] : std::exchange(invocations_, {})) callback(Gone(how));
}

// With all of its group, while its number is still taken.
void LaneProcess::Reap() {
  Kill(SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  end_ = process::HowItEnded(status);
  killed_ = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

void LaneProcess::Kill(int signal) {
  if (pid_ <= 0) return;
  kill(pid_, signal);  // should it have left its group
  kill(-pid_, signal);
}

// Without what it says nothing can be known of it.
void LaneProcess::Break(const std::string& why) {
  if (std::exchange(broken_, true)) return;
  options_.log->Error("function " + options_.start.spec.name + ": its process " + why +
                      ", and is ended");
  Kill(SIGKILL);
}

// One that ends closes it too, a moment before it has ended.
void LaneProcess::OnClosed() {
  const SteadyTime now = options_.clock->Now();
  if (!closed_at_) {
    closed_at_ = now;
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, channel_->fd(), nullptr);
  }
  if (now >= *closed_at_ + kClosedMax)
    Break("has closed its connection to the host, or said too much");
}

void LaneProcess::Step() {
  if (end_) return;
  if (!channel_->Step()) OnClosed();
  if (channel_->unsent_bytes() > kUnsentBytesMax) Break("does not listen");
  TakeMessages();
  AnswerOffsets();
  TakeOutput();
  CheckEnd();
}

// What it had still to say is taken before.
void LaneProcess::CheckEnd() {
  pollfd ended{.fd = process_.get(), .events = POLLIN, .revents = 0};
  if (poll(&ended, 1, 0) != 1) return;
  channel_->Step();
  TakeMessages();
  TakeOutput();
  if (!line_.empty()) TellOutput();
  Reap();
  for (auto& [id, callback] : std::exchange(invocations_, {})) callback(Gone(*end_));
}

void LaneProcess::TakeMessages() {
  while (const auto text = channel_->Take()) {
    auto message = process::Unpack<FromLanes>(*text);
    if (message) {
      Take(*std::move(message));
      continue;
    }
    return Break("says what cannot be understood");
  }
}

void LaneProcess::Take(FromLanes message) {
  const auto is_lane = [this](int lane) {
    return lane >= 0 && static_cast<size_t>(lane) < options_.offsets.size();
  };
  if (auto* report = std::get_if<ReportLanes>(&message)) {
    TakeReport(std::move(*report));
  } else if (const auto* question = std::get_if<AskOffsets>(&message)) {
    if (!is_lane(question->lane)) return;
    options_.offsets[static_cast<size_t>(question->lane)]->StartLookup(question->partition,
                                                                       question->request);
  } else if (const auto* commit = std::get_if<CommitOffsets>(&message)) {
    if (!is_lane(commit->lane)) return;
    options_.offsets[static_cast<size_t>(commit->lane)]->Commit(commit->offsets);
  } else if (const auto* line = std::get_if<LogLine>(&message)) {
    options_.log->Log(line->level, line->text);
  } else if (auto* answer = std::get_if<InvokeAnswer>(&message)) {
    const auto waiting = invocations_.extract(answer->id);
    if (waiting) waiting.mapped()(std::move(answer->result));
  }
}

// What a lane gave back stays until it is taken. A report from before the newest command does not
// know whether the lane is idle.
void LaneProcess::TakeReport(ReportLanes report) {
  if (report.reports.size() != reports_.size() || report.commands.size() != reports_.size()) return;
  open_ = report.open;
  for (size_t i = 0; i < reports_.size(); ++i) {
    std::vector<lane::ReleasedTask> released = std::move(reports_[i].released);
    reports_[i] = std::move(report.reports[i]);
    for (auto& task : reports_[i].released) released.push_back(std::move(task));
    reports_[i].released = std::move(released);
    reports_[i].idle = reports_[i].idle && report.commands[i] == commands_[i];
  }
}

void LaneProcess::AnswerOffsets() {
  for (size_t lane = 0; lane < options_.offsets.size(); ++lane) {
    commit::StartReply reply;
    while (options_.offsets[lane]->PollLookup(&reply)) {
      OffsetsAnswer answer{.lane = static_cast<int>(lane),
                           .partition = reply.partition,
                           .request = reply.request,
                           .error = std::nullopt,
                           .points = {}};
      if (reply.result) {
        answer.points = *std::move(reply.result);
      } else {
        answer.error = reply.result.error();
      }
      Send(std::move(answer));
    }
  }
}

void LaneProcess::TakeOutput() {
  std::array<char, 16 * 1024> buffer;
  for (size_t read_bytes = 0; read_bytes < kReadBytesMax;) {
    const ssize_t got = read(output_.get(), buffer.data(), buffer.size());
    if (got == 0) output_ = UniqueFd();  // it has closed both: there is nothing more to wait for
    if (got <= 0) break;
    read_bytes += static_cast<size_t>(got);
    for (const char c : std::string_view(buffer.data(), static_cast<size_t>(got))) {
      if (c == '\n' || line_.size() == kLineBytesMax) TellOutput();
      if (c != '\n') line_ += c >= ' ' && c <= '~' ? c : ' ';
    }
  }
}

void LaneProcess::TellOutput() {
  printed_.Log("printed", LogLevel::kInfo,
               "function " + options_.start.spec.name + " printed: " + line_);
  line_.clear();
}

void LaneProcess::Invoke(const http::InvokeEvent& event, http::InvokeCallback callback) {
  if (end_) return callback(Gone(*end_));
  const uint64_t id = next_invocation_++;
  invocations_[id] = std::move(callback);
  Send(InvokeHandler{.id = id, .event = event});
}

void LaneProcess::Command(int lane, const ToLanes& message) {
  const auto slot = static_cast<size_t>(lane);
  ++commands_[slot];
  reports_[slot].idle = false;
  Send(message);
}

void LaneProcess::Assign(int lane, lane::TaskAssignment task) {
  started_ = true;
  Command(lane, AssignTask{.lane = lane, .task = std::move(task)});
}

void LaneProcess::Revoke(int lane, int32_t partition) {
  Command(lane, RevokeTask{.lane = lane, .partition = partition});
}

void LaneProcess::Abandon(int lane, int32_t partition) {
  Command(lane, AbandonTask{.lane = lane, .partition = partition});
}

void LaneProcess::Swap(std::shared_ptr<const Generation> generation) {
  Send(SwapLibrary{.library = ToOpen(*generation)});
}

std::vector<LaneReport> LaneProcess::TakeReports() {
  std::vector<LaneReport> reports = reports_;
  for (LaneReport& report : reports_) report.released.clear();
  return reports;
}

}  // namespace millrace::app
