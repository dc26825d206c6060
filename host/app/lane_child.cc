// SPDX-License-Identifier: Apache-2.0
#include "app/lane_child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <thread>
#include <utility>

#include "app/dry_run.h"
#include "app/function_needs.h"
#include "app/invocations.h"
#include "app/lane_outbox.h"
#include "app/lane_protocol.h"
#include "app/lane_threads.h"
#include "app/redis_lane_store.h"
#include "function/library_object.h"
#include "invoke/host_table.h"
#include "process/channel.h"
#include "process/confinement.h"
#include "process/crash_teller.h"
#include "process/packing.h"

namespace millrace::app {
namespace {

constexpr int kTickMs = 100;
// More than this waiting for the host, and reports wait too: they are about the present.
constexpr size_t kUnsentBytesMax = 256 * 1024;
constexpr size_t kAnswerBytesMax = 16 * 1024 * 1024;

Result<std::shared_ptr<const Generation>> OpenLibrary(const LibraryToOpen& wanted,
                                                      const FunctionSpec& spec) {
  auto bytes = function::ReadCopy(wanted.copy);
  if (!bytes) return bytes.error();
  bytes->file = wanted.file;
  auto note = function::InspectLibrary(*bytes);
  if (!note) return note.error();
  process::GuardExit();  // also of its constructors
  auto library =
      function::Library::Load({wanted.file, bytes->sha256, wanted.copy, *std::move(note), {}});
  if (!library) return library.error();
  process::GuardExit();
  auto opened = function::OpenGeneration({.library = *std::move(library),
                                          .host = invoke::HandlerTable(),
                                          .config = spec.config,
                                          .function = spec.name,
                                          .number = wanted.number});
  if (!opened) return opened.error();
  if (Status outputs = CheckOutputs(spec, (*opened)->uses); !outputs) return outputs.error();
  return opened;
}

// Opens and closes libraries one after the other on a thread of its own: one that hangs holds up
// neither a lane nor what the host has to say. Its owner hears of the outcome through `wake`.
class Opener {
 public:
  using Outcome = Result<std::shared_ptr<const Generation>>;

  Opener(FunctionSpec spec, const LaneBoard* board, const Clock* clock, const Wake* wake)
      : spec_(std::move(spec)), board_(board), clock_(clock), wake_(wake) {}
  ~Opener() {
    if (thread_.joinable()) thread_.join();
  }
  Opener(const Opener&) = delete;
  Opener& operator=(const Opener&) = delete;

  // Of several that wait the newest counts.
  void Open(LibraryToOpen library) {
    next_ = std::move(library);
    Begin();
  }
  // Lets a generation go, which may close it.
  void Close(std::shared_ptr<const Generation> generation) {
    closing_.push_back(std::move(generation));
    Begin();
  }
  // An outcome, and of which generation.
  std::optional<std::pair<int, Outcome>> Take() {
    if (!thread_.joinable() || !done_) return std::nullopt;
    thread_.join();
    auto outcome = std::exchange(outcome_, std::nullopt);
    const int number = number_;
    Begin();
    if (!outcome) return std::nullopt;
    return std::make_pair(number, *std::move(outcome));
  }

 private:
  void Begin() {
    if (thread_.joinable() || (!next_ && closing_.empty())) return;
    done_ = false;
    number_ = next_ ? next_->number : 0;
    thread_ = std::thread([this, library = std::exchange(next_, std::nullopt),
                           closing = std::exchange(closing_, {})]() mutable {
      const process::WatchedThread watched(board_->culprit(), NumberOfLane(board_->opening_slot()));
      invoke::InFlight& in_flight = board_->opening();
      in_flight.Begin({.since = clock_->Now(), .topic = 0, .partition = -1, .offset = 0});
      closing.clear();
      if (library) outcome_ = OpenLibrary(*library, spec_);
      in_flight.End();
      done_ = true;
      wake_->Signal();
    });
  }

  FunctionSpec spec_;
  const LaneBoard* board_;
  const Clock* clock_;
  const Wake* wake_;
  std::optional<LibraryToOpen> next_;
  std::vector<std::shared_ptr<const Generation>> closing_;
  std::thread thread_;
  int number_ = 0;
  std::optional<Outcome> outcome_;  // the thread's, until it is done
  std::atomic<bool> done_{false};
};

// Everything in this process; its methods run on the main thread.
class LaneChild final : public InvokableFunctions {
 public:
  LaneChild(process::Channel channel, std::unique_ptr<LaneBoard> board, StartLanes start)
      : channel_(std::move(channel)),
        board_(std::move(board)),
        start_(std::move(start)),
        outbox_(&wake_),
        offsets_(start_.spec.lanes, &outbox_, board_->lease()),
        opener_(start_.spec, board_.get(), &clock_, &wake_),
        commands_(static_cast<size_t>(start_.spec.lanes)) {}

  void Confine();  // before any other thread exists
  Status Prepare();
  void Run();  // until the host closes the channel
  void End();  // what may be left to the end of the process is

  bool Has(const std::string&) override { return true; }
  std::unique_ptr<FunctionInvoker> Make(const std::string&) override;

 private:
  class Invoker;

  void Wait();
  void Take(ToLanes message);
  void TakeForLane(ToLanes message);
  void Answer(InvokeAnswer answer);  // on the thread that invokes
  void Swap(LibraryToOpen library);
  void OnOpened(int number, Opener::Outcome outcome);
  void Run(std::shared_ptr<const Generation> generation);
  void Send();
  void Report();

  process::Channel channel_;
  std::unique_ptr<LaneBoard> board_;
  StartLanes start_;
  SystemClock clock_;
  Wake wake_;
  LaneOutbox outbox_;
  RemoteOffsets offsets_;
  std::shared_ptr<kafka::TopicWatch> watch_;
  StoreFactory stores_;
  Opener opener_;
  std::unique_ptr<LaneThreads> lanes_;   // once the first library is open
  std::map<int32_t, AssignTask> early_;  // by partition, what was assigned before that
  int wanted_ = 0;                       // generation that the host has asked for last
  std::optional<SwapRefusal> refusal_;   // of the newest library, which could not be opened
  std::optional<SwapRefusal> failure_;   // of the first one: there will be no lanes
  std::vector<int32_t> never_had_;       // asked back of lanes that could not be made
  std::vector<uint64_t> commands_;       // by lane, done
  std::string reported_;                 // last

  std::mutex mutex_;
  std::shared_ptr<const Generation> generation_;  // guarded by mutex_; what invocations run on
  std::shared_ptr<const Generation> former_;      // kept open, to go back to
  std::unique_ptr<Invocations> invocations_;
};

// Invocations over HTTP, on a thread of their own.
class LaneChild::Invoker final : public FunctionInvoker {
 public:
  // On the thread that invokes.
  explicit Invoker(LaneChild* child)
      : child_(child),
        watched_(child->board_->culprit(), NumberOfLane(child->board_->invocation_slot())) {}

  http::InvokeResult Invoke(const http::InvokeEvent& event) override {
    const auto generation = Present();
    if (!generation) {
      return http::InvokeError{http::InvokeErrorKind::kNotRunning, "the function is starting"};
    }
    if (!run_ || run_->generation() != generation.get()) {
      run_.reset();
      auto made = DryRun::Create(
          {.spec = child_->start_.spec,
           .generation = generation,
           .partitions = [watch = child_->watch_](
                             const std::string& topic) { return watch->PartitionCount(topic); },
           .stores = child_->stores_,
           .clock = &child_->clock_,
           .in_flight = &child_->board_->invocation()});
      if (!made) return http::InvokeError{http::InvokeErrorKind::kRefused, made.error().message};
      run_ = *std::move(made);
    }
    return run_->Run(event);
  }
  void ForgetGone() override {
    if (run_ && run_->generation() != Present().get()) run_.reset();
  }

 private:
  std::shared_ptr<const Generation> Present() {
    const std::lock_guard lock(child_->mutex_);
    return child_->generation_;
  }

  LaneChild* child_;
  process::WatchedThread watched_;
  std::unique_ptr<DryRun> run_;
};

std::unique_ptr<FunctionInvoker> LaneChild::Make(const std::string&) {
  return std::make_unique<Invoker>(this);
}

void LaneChild::Confine() {
  process::TellCrashes(board_->culprit());
  std::error_code none;
  const auto report =
      process::Confine({.memory_bytes_max = start_.memory_bytes_max,
                        .writable_dir = std::filesystem::temp_directory_path(none)});
  outbox_.Info("function " + start_.spec.name + ": its process " + std::to_string(getpid()) +
               " is confined by " + report.Text());
}

Status LaneChild::Prepare() {
  auto stores = RedisStores(start_.redis_url, start_.settings.namespace_name, &clock_);
  if (!stores) return stores.error();
  stores_ = *std::move(stores);
  const kafka::ClientOptions client{
      .properties = start_.settings.kafka,
      .client_id = kafka::ClientId(start_.spec.name, start_.settings.host_id) + "-topics",
      .log = [this](int, const std::string& text) { outbox_.Debug("kafka: " + text); }};
  auto watch = kafka::TopicWatch::Create(client, TopicsOf(start_.spec));
  if (!watch) return watch.error();
  watch_ = *std::move(watch);
  invocations_ = std::make_unique<Invocations>(this);
  wanted_ = start_.library.number;
  opener_.Open(start_.library);
  return {};
}

void LaneChild::Run() {
  while (channel_.Step()) {
    board_->ShowAlive(clock_.Now());
    while (auto text = channel_.Take()) {
      auto message = process::Unpack<ToLanes>(*text);
      if (!message) return outbox_.Error("a message of the host cannot be read");
      Take(*std::move(message));
    }
    if (auto opened = opener_.Take()) OnOpened(opened->first, std::move(opened->second));
    Send();
    Wait();
  }
}

void LaneChild::Wait() {
  const short events = channel_.unsent_bytes() > 0 ? POLLIN | POLLOUT : POLLIN;
  std::array<pollfd, 2> fds{pollfd{.fd = channel_.fd(), .events = events, .revents = 0},
                            pollfd{.fd = wake_.fd(), .events = POLLIN, .revents = 0}};
  poll(fds.data(), fds.size(), kTickMs);
  wake_.Drain();
}

void LaneChild::Take(ToLanes message) {
  if (auto* answer = std::get_if<OffsetsAnswer>(&message)) {
    return offsets_.OnAnswer(std::move(*answer));
  }
  if (auto* invoke = std::get_if<InvokeHandler>(&message)) {
    return invocations_->Add({.function = start_.spec.name, .event = std::move(invoke->event)},
                             [this, id = invoke->id](http::InvokeResult result) {
                               Answer({.id = id, .result = std::move(result)});
                             });
  }
  if (auto* swap = std::get_if<SwapLibrary>(&message)) return Swap(std::move(swap->library));
  TakeForLane(std::move(message));
}

// Before there are lanes a task is kept, or given back untouched.
void LaneChild::TakeForLane(ToLanes message) {
  int lane = 0;
  if (auto* assign = std::get_if<AssignTask>(&message)) {
    lane = assign->lane;
    if (lanes_) {
      lanes_->Assign(lane, std::move(assign->task));
    } else {
      early_[assign->task.partition] = std::move(*assign);
    }
  } else if (const auto* revoke = std::get_if<RevokeTask>(&message)) {
    lane = revoke->lane;
    if (lanes_) {
      lanes_->Revoke(lane, revoke->partition);
    } else {
      early_.erase(revoke->partition);
      never_had_.push_back(revoke->partition);
    }
  } else if (const auto* abandon = std::get_if<AbandonTask>(&message)) {
    lane = abandon->lane;
    early_.erase(abandon->partition);
    if (lanes_) lanes_->Abandon(lane, abandon->partition);
  }
  ++commands_[static_cast<size_t>(lane)];
}

void LaneChild::Answer(InvokeAnswer answer) {
  if (process::Pack(answer).size() > kAnswerBytesMax) {
    answer.result = http::InvokeError{
        http::InvokeErrorKind::kUnavailable,
        "the handler ran, but what it emitted and wrote is too large to be shown: " +
            std::to_string(kAnswerBytesMax) + " bytes at most"};
  }
  outbox_.Answer(std::move(answer));
}

void LaneChild::Swap(LibraryToOpen library) {
  if (failure_) return;  // the host begins anew
  refusal_.reset();
  wanted_ = library.number;
  for (const auto& open : {generation_, former_}) {
    if (open && open->number == library.number) return Run(open);
  }
  opener_.Open(std::move(library));
}

void LaneChild::OnOpened(int number, Opener::Outcome outcome) {
  if (number != wanted_ || failure_) {  // another one is wanted by now
    if (outcome) opener_.Close(*std::move(outcome));
    return;
  }
  if (outcome) return Run(*std::move(outcome));
  const SwapRefusal refusal{.generation = number, .reason = outcome.error().message};
  (lanes_ ? refusal_ : failure_) = refusal;
}

void LaneChild::Run(std::shared_ptr<const Generation> generation) {
  if (generation != generation_) {
    if (former_ && former_ != generation) opener_.Close(former_);
    const std::lock_guard lock(mutex_);
    former_ = std::exchange(generation_, generation);
  }
  if (lanes_) return lanes_->Swap(std::move(generation));
  LaneThreadsOptions options{.settings = start_.settings,
                             .spec = start_.spec,
                             .delivery = start_.delivery,
                             .generation = std::move(generation),
                             .board = board_.get(),
                             .watch = watch_,
                             .offsets = {},
                             .store = start_.needs_store ? stores_ : StoreFactory(),
                             .log = &outbox_,
                             .clock = &clock_,
                             .control = &wake_};
  for (int lane = 0; lane < start_.spec.lanes; ++lane) {
    options.offsets.push_back(offsets_.PortOf(lane));
  }
  lanes_ = std::make_unique<LaneThreads>(std::move(options));
  for (auto& [partition, early] : std::exchange(early_, {})) {
    lanes_->Assign(early.lane, std::move(early.task));
  }
}

// Closes what is open, so that libraries can give back what is not the process's own.
void LaneChild::End() {
  process::AllowExit();
  lanes_.reset();
  if (!invocations_->Stop()) return;
  const std::lock_guard lock(mutex_);
  generation_.reset();
  former_.reset();
}

void LaneChild::Send() {
  if (channel_.unsent_bytes() > kUnsentBytesMax) return;
  for (const FromLanes& message : outbox_.Take()) channel_.Send(process::Pack(message));
  Report();
}

// What has not changed is not told again.
void LaneChild::Report() {
  ReportLanes report{.reports = {}, .commands = commands_, .open = lanes_ != nullptr};
  if (lanes_) {
    report.reports = lanes_->TakeReports();
  } else {
    report.reports.resize(commands_.size());
    for (LaneReport& lane : report.reports) lane.idle = early_.empty();
  }
  for (const int32_t partition : std::exchange(never_had_, {})) {
    report.reports.front().released.push_back({.partition = partition, .final_offsets = {}});
  }
  for (LaneReport& lane : report.reports) {
    if (failure_) {
      lane.failure = failure_->reason;
      lane.generation = failure_->generation;
    }
    if (refusal_) lane.swap_refusal = refusal_;
  }
  std::string text = process::Pack(FromLanes(std::move(report)));
  if (text == reported_) return;
  channel_.Send(text);
  reported_ = std::move(text);
}

// False: the host is gone already.
bool BecomeChildOf(pid_t parent) {
  prctl(PR_SET_NAME, "millrace-lanes");
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // A supervisor that signals all processes of the host means the host, which tells us to end.
  for (const int not_ours : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) signal(not_ours, SIG_IGN);
  for (const int fd : {kChannelFd, kSlotsFd, kLeaseFd}) fcntl(fd, F_SETFD, FD_CLOEXEC);
  close_range(kLeaseFd + 1, ~0U, 0);  // whatever else was left open
  return getppid() == parent;
}

std::optional<StartLanes> AwaitStart(process::Channel* channel) {
  while (channel->Step()) {
    if (const auto text = channel->Take()) {
      auto message = process::Unpack<ToLanes>(*text);
      if (!message || !std::holds_alternative<StartLanes>(*message)) return std::nullopt;
      return std::get<StartLanes>(*std::move(message));
    }
    pollfd wanted{.fd = channel->fd(), .events = POLLIN, .revents = 0};
    poll(&wanted, 1, -1);
  }
  return std::nullopt;
}

int Refuse(const std::string& why) {
  std::cerr << why << std::endl;
  return kExitFailure;
}

}  // namespace

int RunLanes(pid_t parent) {
  if (!BecomeChildOf(parent)) return kExitFailure;
  setvbuf(stdout, nullptr, _IOLBF, 0);  // what is printed is seen when it is
  process::Channel channel{UniqueFd(kChannelFd)};
  auto start = AwaitStart(&channel);
  if (!start) return Refuse("the host has not said what to run");
  auto board = LaneBoard::Attach(UniqueFd(kSlotsFd), UniqueFd(kLeaseFd), start->spec.lanes);
  if (!board) return Refuse(board.error().message);
  // Left to the end of the process: threads that nobody waits for may still use it.
  auto* child = new LaneChild(std::move(channel), *std::move(board), *std::move(start));
  child->Confine();
  if (const Status prepared = child->Prepare(); !prepared) return Refuse(prepared.error().message);
  child->Run();
  child->End();
  return kExitDone;
}

}  // namespace millrace::app
