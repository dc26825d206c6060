// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "commit/transactions.h"
#include "kafka/client_options.h"

namespace millrace::kafka {

struct TransactionWorkerOptions {
  ClientOptions client;
  std::string transactional_id;  // of the lane; stable across restarts
  // How long a transaction may take, here and at the broker. At least a second; the broker's
  // transaction.max.timeout.ms bounds it.
  Millis transaction_timeout{15'000};
  // Non-blocking eventfd, written when a reply can be polled; -1 = none. Must outlive the object.
  int wake_fd = -1;
};

// A lane's transactions. One thread initialises the transactional id at once, and again until the
// broker has taken it, and then makes the blocking calls of one transaction after the other;
// another one fences. Without a broker:
//
//   before a transaction has begun   kAborted once transaction_timeout is over
//   in it                            a new producer under the same id, which ends it, for as long
//   as
//                                    that takes; then kAborted, or kUnknown if the commit was tried
//   a fence                          not done, after four seconds
//
// Destroying it ends within a second or so, within ten while the broker is silent; replies still
// owed are not given. A transaction under way is aborted if that is quick, else its end is left to
// the next initialisation of the id.
// A failure to make it is kFatal and names the property at fault.
Result<std::unique_ptr<commit::Transactions>> MakeTransactions(
    const TransactionWorkerOptions& options);

}  // namespace millrace::kafka
