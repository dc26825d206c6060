// SPDX-License-Identifier: Apache-2.0
#include "kafka/transactional_client.h"

#include <algorithm>
#include <charconv>

namespace millrace::kafka {
namespace {

constexpr Millis kRetryPause{20};  // some retriable errors come back at once
// What bounds the one blocking call that takes no time-out while its request is queued.
constexpr int kSocketTimeoutMsMax = 5'000;
// The broker refuses to begin a transaction while it still ends the one before. The library's own
// 100 ms are as long as a whole commit interval.
constexpr const char* kRetryBackoffMs = "20";
constexpr const char* kMetadataRefreshMs = "5000";
constexpr const char* kUnknownTopicMs = "5000";  // then a missing topic refuses its outputs

// The user's, if it is shorter; the library wants it within the transaction's time.
int64_t SocketTimeoutMs(const TransactionalOptions& options) {
  const int64_t timeout_ms_max =
      std::min<int64_t>(kSocketTimeoutMsMax, options.transaction_timeout.count());
  const Properties& user = options.client.properties;
  const auto found = user.find("socket.timeout.ms");
  if (found == user.end()) return timeout_ms_max;
  int64_t timeout_ms = timeout_ms_max;
  const std::string& text = found->second;
  std::from_chars(text.data(), text.data() + text.size(), timeout_ms);
  return std::min(timeout_ms, timeout_ms_max);
}

}  // namespace

void StopSignal::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

bool StopSignal::stopped() const {
  std::lock_guard lock(mutex_);
  return stopped_;
}

bool StopSignal::Wait(Millis time) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, time, [this] { return stopped_; });
}

Result<std::unique_ptr<Client>> MakeTransactionalClient(const TransactionalOptions& options,
                                                        DeliveryCallback on_delivery, void* owner) {
  const std::string timeout_ms = std::to_string(options.transaction_timeout.count());
  ConfBuilder conf(options.client.properties);
  conf.Set("transactional.id", options.transactional_id);
  conf.Set("transaction.timeout.ms", timeout_ms);
  conf.Set("message.timeout.ms", timeout_ms);  // may not be longer
  conf.Set("socket.timeout.ms", std::to_string(SocketTimeoutMs(options)));
  conf.Set("enable.idempotence", "true");
  conf.Set("acks", "all");
  conf.Set("delivery.report.only.error", "true");
  conf.SetDefault("linger.ms", "5");
  conf.SetDefault("retry.backoff.ms", kRetryBackoffMs);
  conf.SetDefault("topic.metadata.refresh.interval.ms", kMetadataRefreshMs);
  conf.SetDefault("topic.metadata.propagation.max.ms", kUnknownTopicMs);
  conf.SetDefault("queue.buffering.max.messages", "10000000");  // the lane bounds a transaction
  conf.SetDefault("queue.buffering.max.kbytes", "2097151");
  if (on_delivery) rd_kafka_conf_set_dr_msg_cb(conf.get(), on_delivery);
  return Client::Create(RD_KAFKA_PRODUCER, std::move(conf), options.client, owner);
}

std::optional<CallError> Repeat(const StopSignal& stop, SteadyTime until,
                                const std::function<rd_kafka_error_t*()>& call) {
  while (true) {
    const ErrorPtr error(call());
    if (!error) return std::nullopt;
    CallError failed{.code = rd_kafka_error_code(error.get()),
                     .text = rd_kafka_error_string(error.get())};
    if (rd_kafka_error_is_fatal(error.get())) return failed;
    if (rd_kafka_error_txn_requires_abort(error.get())) {
      failed.kind = CallError::Kind::kAbortable;
      return failed;
    }
    if (!rd_kafka_error_is_retriable(error.get())) return failed;
    failed.kind = CallError::Kind::kUnfinished;
    if (std::chrono::steady_clock::now() >= until || stop.Wait(kRetryPause)) return failed;
  }
}

bool IsFencing(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
         code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

}  // namespace millrace::kafka
