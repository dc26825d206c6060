// SPDX-License-Identifier: Apache-2.0
#include "redis/redis_store.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "redis/pipeline.h"
#include "redis/read_codec.h"
#include "redis/socket.h"

namespace millrace::redis {
namespace {

constexpr Millis kBusy{1000};               // a tick so late means that a handler ran all the time
constexpr Millis kTick{50};                 // how exact time-outs and back-off are
constexpr size_t kReadBytes = 64 * 1024;    // per system call
constexpr int kReadsPerEvent = 16;          // then other handlers have their turn
constexpr size_t kFlushBytes = 256 * 1024;  // sent without waiting for the end of the step

Endpoint EndpointOf(const RedisStoreOptions& options) {
  return {.host = options.url.host,
          .port = options.url.port,
          .tls = options.url.tls,
          .ca_file = options.ca_file};
}

}  // namespace

// Moves bytes between the socket and the pipeline, and does what the session says.
class RedisStore::Impl {
 public:
  Impl(boost::asio::io_context* io, const Clock* clock, RedisStoreOptions options, KeySpace keys)
      : io_(io),
        clock_(clock),
        times_(options.times),
        on_progress_(std::move(options.on_progress)),
        socket_(io, EndpointOf(options),
                {.connected = [this] { OnConnected(); },
                 .failed = [this](const std::string& why) { OnClosed(why); },
                 .readable = [this] { OnReadable(); },
                 .writable = [this] { Flush(); }}),
        timer_(*io),
        read_buffer_(new char[kReadBytes]),
        pipeline_(std::move(options.url), options.times, std::move(keys), options.view) {
    Drive();
    Tick();
  }

  Pipeline& pipeline() { return pipeline_; }
  const Pipeline& pipeline() const { return pipeline_; }
  SteadyTime Now() const { return clock_->Now(); }

  void Flush() {
    const Status sent = socket_.Send(pipeline_.session().out());
    if (!sent) OnClosed(sent.error().message);
  }

  // Something may have been written to the buffer: see that it is sent.
  void Started() {
    const size_t unsent = pipeline_.session().out()->size();
    if (unsent >= kFlushBytes) return Flush();
    if (unsent > 0) Post(&Impl::flush_posted_, [this] { Flush(); });
    if (pipeline_.has_finished()) OweProgress();
  }

  // Serves the connection until the job is done; other answers are kept for their polls.
  void WaitFor(const ReadJob& job) {
    const SteadyTime until = Now() + times_.command_timeout;
    Flush();
    while (!job.done()) {
      const SteadyTime now = Now();
      if (now >= until) {
        OnClosed("no answer for " + std::to_string(times_.command_timeout.count()) + " ms");
        break;
      }
      socket_.Wait(std::chrono::ceil<Millis>(until - now));
      ReadAvailable();
      Flush();
    }
    if (pipeline_.has_finished()) OweProgress();
  }

 private:
  void OnConnected() {
    pipeline_.session().OnConnected(Now());
    Flush();
    socket_.AwaitReadable();
  }

  void OnReadable() {
    ReadAvailable();
    if (pipeline_.session().state() == Session::State::kDown) return Progress();
    socket_.AwaitReadable();
    Flush();
    Progress();
  }

  void OnClosed(const std::string& why) {
    pipeline_.session().OnClosed(why, Now());
    socket_.Close();
    OweProgress();
  }

  void ReadAvailable() {
    for (int i = 0; i < kReadsPerEvent; ++i) {
      const Result<size_t> read = socket_.Read({read_buffer_.get(), kReadBytes});
      if (!read) return OnClosed(read.error().message);
      if (*read == 0) break;
      pipeline_.session().OnBytes({read_buffer_.get(), *read}, Now());
      if (pipeline_.session().state() == Session::State::kDown) return Drive();
      if (*read < kReadBytes && !socket_.tls()) break;
    }
  }

  void Drive() {
    for (;;) {
      switch (pipeline_.session().Poll(Now())) {
        case Session::Action::kNone:
          return;
        case Session::Action::kConnect:
          socket_.Connect();
          return;
        case Session::Action::kClose:
          socket_.Close();
          OweProgress();
          break;
      }
    }
  }

  void Tick() {
    timer_.expires_after(kTick);
    timer_.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code failed) {
      if (failed || alive.expired()) return;
      const SteadyTime now = Now();
      if (now > ticked_at_ + kBusy) pipeline_.session().OwnerWasBusy(now);
      ticked_at_ = now;
      Drive();
      Tick();
    });
  }

  void Progress() {
    if (on_progress_) on_progress_();
  }
  // From calls of the lane: it must not be entered again before they return.
  void OweProgress() {
    Post(&Impl::progress_posted_, [this] { Progress(); });
  }

  template <class Function>
  void Post(bool Impl::*posted, Function function) {
    if (this->*posted) return;
    this->*posted = true;
    boost::asio::post(*io_, [this, posted, function, alive = std::weak_ptr(alive_)] {
      if (alive.expired()) return;
      this->*posted = false;
      function();
    });
  }

  boost::asio::io_context* io_;
  const Clock* clock_;
  SessionTimes times_;
  std::function<void()> on_progress_;
  Socket socket_;
  boost::asio::steady_timer timer_;
  SteadyTime ticked_at_{};
  std::unique_ptr<char[]> read_buffer_;
  Pipeline pipeline_;
  bool flush_posted_ = false;
  bool progress_posted_ = false;
  std::shared_ptr<Impl*> alive_ = std::make_shared<Impl*>(this);  // for handlers that come late
};

Result<std::unique_ptr<RedisStore>> RedisStore::Create(boost::asio::io_context* io,
                                                       const Clock* clock,
                                                       RedisStoreOptions options) {
  Result<KeySpace> keys = KeySpace::Create(options.name_space, options.function, options.states);
  if (!keys) return keys.error();
  auto impl = std::make_unique<Impl>(io, clock, std::move(options), std::move(*keys));
  return std::unique_ptr<RedisStore>(new RedisStore(std::move(impl)));
}

RedisStore::RedisStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RedisStore::~RedisStore() = default;

state::ReadId RedisStore::StartRead(int32_t partition, std::span<const state::ReadItem> items) {
  const state::ReadId id = impl_->pipeline().StartRead(partition, items, impl_->Now());
  impl_->Started();
  return id;
}

bool RedisStore::PollRead(state::ReadReply* reply) { return impl_->pipeline().PollRead(reply); }

state::ReadReply RedisStore::ReadNow(int32_t partition, std::span<const state::ReadItem> items) {
  const auto job = impl_->pipeline().StartJob(partition, items, impl_->Now());
  impl_->WaitFor(*job);
  return std::move(job->reply);
}

state::ReadReply RedisStore::ReadWholeMapNow(int32_t partition, uint32_t state, Slice key) {
  const auto job = impl_->pipeline().StartJob(partition, {}, impl_->Now());
  state::ReadReply& reply = job->reply;
  while (reply.status && job->cursor != "0") {
    impl_->pipeline().ContinueMap(partition, state, key, job.get(), impl_->Now());
    impl_->WaitFor(*job);
  }
  if (!reply.status) return std::move(reply);
  KeepFirstOfEachField(&reply.entries);  // of several pages
  const bool absent = reply.entries.empty();
  reply.found = {{.what = absent ? state::Found::What::kAbsent : state::Found::What::kMap,
                  .value = {},
                  .first_entry = 0,
                  .entry_count = static_cast<uint32_t>(reply.entries.size())}};
  return std::move(reply);
}

void RedisStore::StartAcquire(const commit::AcquireRequest& request) {
  impl_->pipeline().StartAcquire(request, impl_->Now());
  impl_->Started();
}

bool RedisStore::PollAcquire(commit::AcquireReply* reply) {
  return impl_->pipeline().PollAcquire(reply);
}

void RedisStore::StartCommit(const commit::CommitRequest& request) {
  impl_->pipeline().StartCommit(request, impl_->Now());
  impl_->Started();
}

bool RedisStore::PollCommit(commit::CommitReply* reply) {
  return impl_->pipeline().PollCommit(reply);
}

bool RedisStore::connected() const { return impl_->pipeline().session().ready(); }
uint64_t RedisStore::connection_number() const {
  return impl_->pipeline().session().connection_number();
}
const std::string& RedisStore::last_error() const {
  return impl_->pipeline().session().last_error();
}
std::optional<Error> RedisStore::refusal() const { return impl_->pipeline().session().refusal(); }
std::vector<std::string> RedisStore::warnings() const {
  return impl_->pipeline().session().Warnings();
}
Status RedisStore::SetStates(std::vector<state::StateDecl> states) {
  return impl_->pipeline().keys().SetStates(std::move(states));
}
void RedisStore::Flush() { impl_->Flush(); }

}  // namespace millrace::redis
