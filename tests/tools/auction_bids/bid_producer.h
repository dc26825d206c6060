// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace auction_bids {

// Writes bids to a topic: idempotent, keyed, with the partitioner of Java's clients. One thread.
class BidProducer {
 public:
  static millrace::Result<std::unique_ptr<BidProducer>> Connect(const std::string& bootstrap,
                                                                const std::string& topic);
  ~BidProducer();  // without Flush, what is not acknowledged may be lost
  BidProducer(const BidProducer&) = delete;
  BidProducer& operator=(const BidProducer&) = delete;

  // Waits while the client's queue is full. Tells of a bid that was refused earlier, too.
  millrace::Status Send(const std::string& key, const std::string& value);
  // Serves the client for up to `max_wait`.
  void Poll(millrace::Millis max_wait);
  // Until every bid is acknowledged; an error if one is refused or the broker stays away for
  // `max_wait`.
  millrace::Status Flush(millrace::Millis max_wait);

 private:
  struct Handle;
  explicit BidProducer(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

}  // namespace auction_bids
