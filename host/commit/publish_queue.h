// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdlib>
#include <deque>
#include <vector>

#include "commit/outbox.h"

namespace millrace::commit {

// What a task has applied and not yet published, under one ownership, in the order of seq. What a
// transaction took stays at the front until its outcome is known. One lane, its thread.
class PublishQueue {
 public:
  void Push(PublicationPtr publication) {
    bytes_ += publication->packed.size();
    queue_.push_back(std::move(publication));
  }

  bool empty() const { return queue_.empty(); }
  bool in_transaction() const { return taken_ > 0; }
  size_t size() const { return queue_.size(); }
  size_t bytes() const { return bytes_; }

  // Adds to `to` what a transaction publishes: at least one, then up to `bytes_max`. Gives the last
  // one; null when there is nothing, or a transaction is under way.
  const Publication* Take(size_t bytes_max, std::vector<PublicationPtr>* to) {
    if (taken_ > 0 || queue_.empty()) return nullptr;
    size_t bytes = 0;
    while (taken_ < queue_.size() && (taken_ == 0 || bytes < bytes_max)) {
      bytes += queue_[taken_]->packed.size();
      if (!queue_[taken_]->packed.empty()) to->push_back(queue_[taken_]);
      ++taken_;
    }
    return queue_[taken_ - 1].get();
  }

  // The transaction was committed: gives the last seq of it, and the seqs that had outputs.
  uint64_t Published(std::vector<uint64_t>* entries) {
    if (taken_ == 0) std::abort();  // replies belong to the transaction under way
    uint64_t last = 0;
    for (; taken_ > 0; --taken_) {
      const Publication& publication = *queue_.front();
      last = publication.seq;
      bytes_ -= publication.packed.size();
      if (!publication.packed.empty()) entries->push_back(last);
      queue_.pop_front();
    }
    return last;
  }

  // Nothing of it was written: it is taken again by the next one.
  void Aborted() { taken_ = 0; }

 private:
  std::deque<PublicationPtr> queue_;
  size_t taken_ = 0;  // from the front, by the transaction under way
  size_t bytes_ = 0;
};

}  // namespace millrace::commit
