// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "kafka/client.h"

// What the transactional producers share. Private to this folder.
namespace millrace::kafka {

// Told once, by any thread; ends every wait.
class StopSignal {
 public:
  void Stop();
  bool stopped() const;
  bool Wait(Millis time) const;  // true: stopped

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool stopped_ = false;
};

struct TransactionalOptions {
  ClientOptions client;
  std::string transactional_id;
  Millis transaction_timeout{15'000};
};

using DeliveryCallback = void (*)(rd_kafka_t*, const rd_kafka_message_t*, void*);

// An idempotent producer with this transactional id, not initialised yet. `on_delivery` is told of
// failures only and gets the Client as its opaque pointer.
Result<std::unique_ptr<Client>> MakeTransactionalClient(const TransactionalOptions& options,
                                                        DeliveryCallback on_delivery, void* owner);

// Why a transactional call has ended without success.
struct CallError {
  enum class Kind {
    kUnfinished,  // still retriable when the time was over, or stopped; may go on by itself
    kAbortable,   // the transaction must be aborted
    kFatal,       // the client cannot be used any more
  };
  Kind kind = Kind::kFatal;
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string text;
};

// Makes a blocking call, and again while its error is retriable, until `until` or a stop; at least
// once. The call bounds its own time.
std::optional<CallError> Repeat(const StopSignal& stop, SteadyTime until,
                                const std::function<rd_kafka_error_t*()>& call);

// Another producer has taken over the transactional id, or the broker has ended the transaction.
bool IsFencing(rd_kafka_resp_err_t code);

}  // namespace millrace::kafka
