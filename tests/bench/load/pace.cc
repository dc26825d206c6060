// SPDX-License-Identifier: Apache-2.0
#include "pace.h"

#include <atomic>
#include <exception>
#include <thread>

#include "bench/kafka/check.h"
#include "bench/kafka/usage.h"
#include "latency_reader.h"

namespace millrace::load {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kStartInNs = kSecondNs;  // the clients connect meanwhile
constexpr int64_t kOutputPatienceNs = 30 * kSecondNs;

// The sending side on a thread of its own, which ends with this object.
class SendingThread {
 public:
  explicit SendingThread(const PacedSpec& spec) : spec_(spec), thread_([this] { Run(); }) {}
  SendingThread(const SendingThread&) = delete;
  SendingThread& operator=(const SendingThread&) = delete;
  ~SendingThread() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

  // When the outputs have had their time; of a failure, at once.
  int64_t give_up_ns() const {
    if (failed_) return 0;
    const int64_t done_ns = done_ns_;
    return done_ns == 0 ? INT64_MAX : done_ns + kOutputPatienceNs;
  }
  PacedRun Result() {
    thread_.join();
    if (error_) std::rethrow_exception(error_);
    return run_;
  }

 private:
  void Run() {
    try {
      run_ = SendPaced(spec_, [this] { return stop_.load(); });
    } catch (...) {
      error_ = std::current_exception();
      failed_ = true;
    }
    done_ns_ = NowNs();
  }

  PacedSpec spec_;
  PacedRun run_;
  std::exception_ptr error_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> failed_ = false;
  std::atomic<int64_t> done_ns_ = 0;  // 0: not yet
  std::thread thread_;                // last: uses all of the above
};

}  // namespace

PaceRun Pace(const PaceSpec& spec) {
  LatencyReader reader(spec.brokers, spec.output);
  const double cpu = bench::OwnCpuSeconds();
  const Schedule schedule{.start_ns = NowNs() + kStartInNs, .rate = spec.rate};
  const int64_t records = spec.rate * spec.seconds;
  LatencyCount count({.cell = spec.cell,
                      .schedule = schedule,
                      .records = records,
                      .warmup_ns = spec.warmup_seconds * kSecondNs});
  SendingThread sending({.brokers = spec.brokers,
                         .topic = spec.input,
                         .record = spec.record,
                         .schedule = schedule,
                         .first_index = 0,
                         .records = records,
                         .tags = Tags::kIntendedTime});
  while (count.received() < records && NowNs() < sending.give_up_ns()) {
    bench::EndIfInterrupted();
    reader.Read([&count](const void* value, size_t bytes, int64_t now_ns) {
      count.Add(value, bytes, now_ns);
    });
  }
  return {.sending = sending.Result(),
          .received = count.received(),
          .repeated = count.repeated(),
          .latency_ns = count.latency_ns(),
          .cpu_seconds = bench::OwnCpuSeconds() - cpu};
}

}  // namespace millrace::load
