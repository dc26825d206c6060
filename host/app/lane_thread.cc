// SPDX-License-Identifier: Apache-2.0
#include "app/lane_thread.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <utility>

#include "app/lane_board.h"
#include "app/random_epoch.h"

namespace millrace::app {
namespace {

constexpr Millis kReportEvery{100};
constexpr observe::LogRate kEventLogRate{.lines = 5, .interval = Millis(1000)};

LogLevel LevelOf(uint32_t level) {
  switch (level) {
    case 0:
      return LogLevel::kDebug;
    case 1:
      return LogLevel::kInfo;
    case 2:
      return LogLevel::kWarn;
    default:
      return LogLevel::kError;
  }
}

struct CallCount {
  uint64_t calls = 0;
  uint64_t errors = 0;
};

CallCount CallsOf(const observe::LaneCounters& counters) {
  using observe::OutcomeLabel;
  CallCount count;
  for (size_t i = 0; i < observe::kOutcomeLabels; ++i) {
    const auto outcome = static_cast<OutcomeLabel>(i);
    const uint64_t calls = counters.invocations[i].value();
    count.calls += calls;
    if (outcome != OutcomeLabel::kDone && outcome != OutcomeLabel::kDrop) count.errors += calls;
  }
  return count;
}

}  // namespace

// Writes what a lane tells to the log, at a bounded rate.
class LaneThread::Observer final : public lane::LaneObserver {
 public:
  explicit Observer(const LaneThreadOptions& options)
      : function_(options.settings.function),
        log_(*options.log),
        limited_(*options.log, *options.clock, kEventLogRate) {}

  void HandlerLogged(uint32_t level, std::string_view text, const std::string& at) override {
    limited_.Log("handler", LevelOf(level),
                 "function " + function_ + " at " + at + ": " + std::string(text));
  }
  void EventNotDone(invoke::Outcome outcome, const std::string& message) override {
    const std::string name(invoke::OutcomeName(outcome));
    limited_.Log(name, LogLevel::kWarn, "function " + function_ + ": " + name + ": " + message);
  }
  void TaskChanged(const std::string& message) override {
    log_.Warn("function " + function_ + ": " + message);
  }

 private:
  std::string function_;
  Logger& log_;
  observe::LimitedLog limited_;
};

// Everything that lives on the lane's thread; gone before the thread is.
struct LaneThread::Running {
  explicit Running(const LaneThreadOptions& options, int wake_fd)
      : wake(io, dup(wake_fd)), observer(options) {}

  boost::asio::io_context io;
  boost::asio::posix::stream_descriptor wake;
  Observer observer;
  std::unique_ptr<LaneStore> store;
  std::unique_ptr<ingest::RecordSource> records;
  std::unique_ptr<effects::OutputSink> outputs;
  std::unique_ptr<commit::Transactions> transactions;  // null under at least once
  std::unique_ptr<commit::GroupOffsets> group;
  std::unique_ptr<lane::Lane> lane;
  std::shared_ptr<const Generation> generation;
  CallCount before_generation;  // what the lane had counted when it took it
  std::optional<SwapRefusal> swap_refusal;
  int stopped_by = 0;
  std::vector<std::string> warned;
  SteadyTime next_report{};
};

LaneThread::LaneThread(LaneThreadOptions options)
    : options_(std::move(options)), thread_([this] { Run(); }) {}

LaneThread::~LaneThread() {
  stopping_ = true;
  wake_.Signal();
  thread_.join();
}

void LaneThread::Assign(lane::TaskAssignment task) { Send(std::move(task)); }
void LaneThread::Revoke(int32_t partition) { Send(RevokeCommand{partition}); }
void LaneThread::Abandon(int32_t partition) { Send(AbandonCommand{partition}); }
void LaneThread::Swap(std::shared_ptr<const Generation> generation) { Send(std::move(generation)); }

void LaneThread::Send(Command command) {
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back(std::move(command));
    report_.idle = false;
    has_commands_ = true;
  }
  wake_.Signal();
}

LaneReport LaneThread::TakeReport() {
  const std::lock_guard lock(mutex_);
  LaneReport report = report_;
  report_.released.clear();
  return report;
}

void LaneThread::Run() {
  const process::WatchedThread watched(options_.culprit, NumberOfLane(options_.slot));
  auto running = Build();
  if (running) {
    Loop(running->get());
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    report_.failure = running.error().message;
    report_.generation = options_.generation->number;
  }
  options_.control->Signal();
}

Result<std::unique_ptr<LaneThread::Running>> LaneThread::Build() {
  auto running = std::make_unique<Running>(options_, wake_.fd());
  options_.consumer.wake_fd = wake_.fd();
  options_.producer.wake_fd = wake_.fd();
  auto records = kafka::MakeRecordConsumer(options_.consumer);
  if (!records) return records.error();
  running->records = *std::move(records);
  auto outputs = kafka::MakeOutputProducer(options_.producer);
  if (!outputs) return outputs.error();
  running->outputs = *std::move(outputs);
  if (options_.settings.delivery == Delivery::kExactlyOnce) {
    options_.transactions.wake_fd = wake_.fd();
    auto transactions = kafka::MakeTransactions(options_.transactions);
    if (!transactions) return transactions.error();
    running->transactions = *std::move(transactions);
  }
  running->group = options_.offsets(wake_.fd());
  if (options_.store) {
    auto store = options_.store({.io = &running->io,
                                 .function = options_.settings.function,
                                 .states = lane::StatesOf(*options_.generation)});
    if (!store) return store.error();
    running->store = *std::move(store);
  }
  lane::LanePorts ports{.records = running->records.get(),
                        .outputs = running->outputs.get(),
                        .group = running->group.get(),
                        .transactions = running->transactions.get(),
                        .store = running->store ? running->store->commits() : nullptr,
                        .reader = running->store ? running->store->reader() : nullptr,
                        .observer = &running->observer,
                        .counters = options_.counters,
                        .in_flight = options_.in_flight,
                        .clock = options_.clock,
                        .new_epoch = RandomEpoch};
  auto made = lane::Lane::Create(options_.settings, std::move(ports), options_.generation);
  if (!made) return made.error();
  running->lane = *std::move(made);
  running->generation = options_.generation;
  running->before_generation = CallsOf(*options_.counters);
  return running;
}

void LaneThread::Loop(Running* running) {
  std::function<void()> await = [&] {
    running->wake.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                             [&](const boost::system::error_code& error) {
                               if (error) return;
                               wake_.Drain();
                               await();
                             });
  };
  await();
  while (!stopping_) {
    if (has_commands_.exchange(false)) {
      std::vector<Command> commands;
      {
        const std::lock_guard lock(mutex_);
        commands.swap(commands_);
      }
      for (Command& command : commands) Execute(running, std::move(command));
      running->next_report = {};
    }
    const SteadyTime now = options_.clock->Now();
    const SteadyTime due = running->lane->Step(now);
    if (running->store) running->store->Flush();
    Publish(running, now);
    if (due > now) running->io.run_one_until(due);
    running->io.poll();
  }
  options_.counters->ClearGauges();
}

void LaneThread::Execute(Running* running, Command command) {
  if (auto* task = std::get_if<lane::TaskAssignment>(&command)) {
    running->lane->Assign(std::move(*task));
  } else if (const auto* revoke = std::get_if<RevokeCommand>(&command)) {
    running->lane->Revoke(revoke->partition);
  } else if (const auto* abandon = std::get_if<AbandonCommand>(&command)) {
    running->lane->Abandon(abandon->partition);
  } else if (auto* generation = std::get_if<std::shared_ptr<const Generation>>(&command)) {
    Swap(running, std::move(*generation));
  }
}

void LaneThread::Swap(Running* running, std::shared_ptr<const Generation> generation) {
  running->swap_refusal.reset();
  if (generation == running->generation) return;
  NoteStop(running);
  if (!SameStateAndOutputs(*generation, *running->generation)) {
    running->swap_refusal = SwapRefusal{generation->number, "it has other states or outputs", true};
    return;
  }
  const Status swapped = running->lane->Swap(generation);
  if (!swapped) {
    running->swap_refusal = SwapRefusal{generation->number, swapped.error().message};
    return;
  }
  running->generation = std::move(generation);
  running->before_generation = CallsOf(*options_.counters);
}

// A task that has stopped stays so, whatever generation comes after the one that stopped it.
void LaneThread::NoteStop(Running* running) {
  if (!running->lane->stop_reason()) {
    running->stopped_by = 0;
  } else if (running->stopped_by == 0) {
    running->stopped_by = running->generation->number;
  }
}

void LaneThread::Publish(Running* running, SteadyTime now) {
  std::vector<lane::ReleasedTask> released = running->lane->TakeReleased();
  if (released.empty() && now < running->next_report) return;
  running->next_report = now + kReportEvery;
  std::vector<lane::TaskStatus> tasks = running->lane->Tasks(now);
  NoteStop(running);
  const auto stop_reason = running->lane->stop_reason();
  const auto problem = running->store ? running->store->problem() : std::nullopt;
  if (running->store && running->warned.empty()) {
    running->warned = running->store->warnings();
    for (const std::string& warning : running->warned) options_.log->Warn(warning);
  }
  const CallCount calls = CallsOf(*options_.counters);
  bool news = !released.empty();
  {
    const std::lock_guard lock(mutex_);
    const bool idle = running->lane->idle() && commands_.empty();
    news = news || idle != report_.idle || stop_reason != report_.stop_reason ||
           running->generation->number != report_.generation ||
           running->swap_refusal != report_.swap_refusal;
    report_.tasks = std::move(tasks);
    for (auto& task : released) report_.released.push_back(std::move(task));
    report_.stop_reason = stop_reason;
    report_.stopped_by = running->stopped_by;
    report_.problem = problem;
    report_.swap_refusal = running->swap_refusal;
    report_.generation = running->generation->number;
    report_.calls = calls.calls - running->before_generation.calls;
    report_.errors = calls.errors - running->before_generation.errors;
    report_.idle = idle;
  }
  if (news) options_.control->Signal();
}

}  // namespace millrace::app
