// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "commit/commit_store.h"
#include "integration/redis/store_user.h"
#include "state/state_reader.h"

namespace millrace::redis {

// The store that Redis is compared with. It answers at once.
struct OtherStore {
  commit::CommitStore* commits = nullptr;
  state::StateReader* reads = nullptr;
  state::StateReader* committed = nullptr;  // state::ReadView::kCommitted
  enum class Texts {
    kCompared,
    kIgnored
  } texts = Texts::kIgnored;  // of refusals, beside the class
};

// Random sequences of acquire, commit and read, given to both stores, whose replies must be equal.
// A sequence follows from its seed alone and has a task (a partition) of its own. Redis is sent
// many sequences before its replies are looked at: what comes next depends on the other store's
// only.
class Differential {
 public:
  // `committed`: another connection to the same Redis, for state::ReadView::kCommitted.
  Differential(StoreUser* redis, StoreUser* committed, OtherStore other)
      : redis_(redis), committed_(committed), other_(other) {}

  // Sequences with the seeds `first`, `first` + 1, ..., on partitions 0, 1, ...; ends at the first
  // reply that differs.
  void Run(uint64_t first, int sequences);

  // How often what was answered: "applied", "fenced", "acquired", "outbox entry", ...
  const std::map<std::string, int>& seen() const { return seen_; }

 private:
  enum class Kind { kAcquire, kCommit, kRead };
  struct Expected {
    Kind kind;
    std::string reply;
    std::string where;  // seed and step
    int32_t partition = 0;
  };

  void Begin(uint64_t seed, int32_t partition);
  void Step();
  void End();  // the final state, as both ports give it
  StateVersions AnyVersions();
  void Acquire(const commit::AcquireRequest& request);
  void Commit();
  std::vector<Write> Writes();
  std::vector<uint64_t> Trimmed(const std::vector<uint64_t>& stored);
  std::string Redo();
  std::vector<SeenOutput> Seen();
  std::optional<CrashMark> Crash();
  std::vector<commit::AsideEntry> Aside();
  commit::PublicationPtr Publication(uint64_t seq, const Offsets& applied);
  void Read(const std::vector<state::ReadItem>& items);
  void ReadWholeMap(Slice key);
  std::string Where() const;
  void Expect(Kind kind, std::string reply);
  void Compare();  // all that is expected, with what Redis answers
  std::string NextReply(Kind kind);
  std::string Show(const commit::AcquireReply& reply) const;
  std::string Show(const commit::CommitReply& reply) const;

  int Pick(int below) { return std::uniform_int_distribution<>(0, below - 1)(random_); }
  bool OneIn(int chance) { return Pick(chance) == 0; }
  const std::string& Word();
  std::string FreshEpoch();

  StoreUser* redis_;
  StoreUser* committed_;
  OtherStore other_;
  std::deque<Expected> expected_;
  std::deque<Expected> expected_committed_;  // of sequences that have ended, by partition
  std::map<std::string, int> seen_;

  // Of the present sequence.
  std::mt19937_64 random_;
  uint64_t seed_ = 0;
  int step_ = 0;
  int32_t partition_ = 0;
  int epochs_ = 0;
  std::optional<CrashMark> crash_;  // the last one
  std::string epoch_;               // of the last acquire; unknown to the stores before the first
  std::string former_epoch_;        // of the one before
  uint64_t seq_ = 0;                // as stored
  std::vector<uint64_t> outbox_;    // seqs of entries, as stored
  std::vector<uint64_t> redo_;      // likewise
};

// Runs 10,000 sequences from a fresh seed, which is printed, or from the one in MILLRACE_SEED.
void RunDifferential(Differential* differential);

}  // namespace millrace::redis
