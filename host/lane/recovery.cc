// SPDX-License-Identifier: Apache-2.0
#include "lane/recovery.h"

#include <algorithm>
#include <utility>

#include "commit/published_note.h"

namespace millrace::lane {
namespace {

using commit::PublishedNote;
using commit::StartingPoint;

class Recovery {
 public:
  explicit Recovery(const RecoveryFacts& facts) : facts_(facts) {
    for (const StartingPoint& point : facts.points) {
      const auto note = commit::NoteOf(point.metadata);
      if (point.committed && note && (!note_ || note->seq > note_->seq)) note_ = note;
      any_committed_ = any_committed_ || point.committed;
    }
  }

  Result<StartedTask> Run() {
    started_.epoch = facts_.epoch;
    started_.seq_used = note_ ? note_->seq : 0;
    const Status begun = facts_.acquired ? WithState() : WithoutState();
    if (!begun) return begun.error();
    if (const Status kept = CheckRetention(); !kept) return kept.error();
    ForgetCrashes();
    SortOutbox();
    return std::move(started_);
  }

 private:
  const LossPolicies& policies() const { return facts_.settings->policies; }
  std::string At(const StartingPoint& point) const {
    return point.topic + "/" + std::to_string(facts_.task->partition);
  }

  Status WithoutState() {
    started_.seq = started_.seq_used;
    for (const StartingPoint& point : facts_.points) {
      started_.from.push_back({point.topic, point.committed.value_or(point.start)});
      const auto note = point.committed ? commit::NoteOf(point.metadata) : std::nullopt;
      if (note && note->crash) started_.crashes.push_back({point.topic, *note->crash});
    }
    return {};
  }

  Status WithState() {
    started_.seq = facts_.acquired->seq;
    started_.seen = facts_.acquired->seen;
    started_.redo = facts_.acquired->redo;
    started_.crashes = facts_.acquired->crashes;
    started_.aside = facts_.acquired->aside;
    started_.aside_count = facts_.acquired->aside_count;
    started_.published_seq = started_.seq_used;
    if (facts_.acquired->applied.empty() && any_committed_) return StateLost();
    for (const StartingPoint& point : facts_.points) {
      if (Status decided = DecideTopic(point); !decided) return decided;
    }
    return CheckPublished();
  }

  // The broker's offsets may never be behind what it has acknowledged to an owner.
  Status CheckPublished() {
    const uint64_t acknowledged = facts_.acquired->published_seq;
    if (facts_.settings->delivery != Delivery::kExactlyOnce) return {};
    if (acknowledged <= started_.published_seq) return {};
    if (policies().on_offset_reset == OnOffsetReset::kFail) {
      return Fatal("group " + facts_.settings->group + " has lost its offsets of partition " +
                   std::to_string(facts_.task->partition) + ": they tell of seq " +
                   std::to_string(started_.published_seq) + " (0: nothing), while seq " +
                   std::to_string(acknowledged) +
                   " had been published: offsets expired or were reset by hand; set "
                   "on_offset_reset: applied to go on from the state");
    }
    started_.published_seq = acknowledged;
    Tell(RecoveryStatus::Kind::kOffsetReset,
         "the group's offsets were lost or reset; the state "
         "counts (on_offset_reset: applied)");
    return {};
  }

  Status DecideTopic(const StartingPoint& point) {
    const std::optional<int64_t> applied = AppliedOf(point.topic);
    const size_t index = started_.from.size();
    if (!applied && !point.committed) {
      started_.store_from = true;
      started_.from.push_back({point.topic, point.start});
      return {};
    }
    if (!applied || (point.committed && *point.committed > *applied)) {
      // Our own offsets carry a note: the store went back behind it, now or in an ownership before,
      // which did not get as far as the offset again.
      const bool went_back = applied && commit::NoteOf(point.metadata);
      if (went_back) {
        RunAgain(index, *applied, *point.committed);
      } else if (policies().on_offset_reset == OnOffsetReset::kFail) {
        return Fatal(Unexplained(point, applied));
      } else {
        Tell(RecoveryStatus::Kind::kOffsetReset,
             "the group's offset of " + At(point) + " is " + std::to_string(*point.committed) +
                 ", applied is " + (applied ? std::to_string(*applied) : "none") +
                 "; the state counts (on_offset_reset: applied)");
      }
    }
    started_.store_from = started_.store_from || !applied;
    started_.from.push_back({point.topic, applied.value_or(point.start)});
    return {};
  }

  std::string Unexplained(const StartingPoint& point, std::optional<int64_t> applied) const {
    if (!applied) {
      return "state of " + At(point) + " is missing (applied: none), while group " +
             facts_.settings->group + " has committed offset " + std::to_string(*point.committed) +
             ": another store is configured, or the topic was added with offsets of its own; "
             "restore the store, or delete the group's offsets of the topic, or set "
             "on_offset_reset: applied";
    }
    return "state of " + At(point) + " is behind its group: applied " + std::to_string(*applied) +
           ", committed offset " + std::to_string(*point.committed) +
           ": the group's offsets were moved by hand, or another store is configured; set the "
           "group's offset to " +
           std::to_string(*applied) +
           " or below, or on_offset_reset: applied to go on from the state";
  }

  void RunAgain(size_t topic, int64_t from, int64_t published) {
    started_.published.resize(facts_.points.size(), 0);
    started_.published[topic] = published;
    RecoveryStatus& told = Tell(
        RecoveryStatus::Kind::kWentBack,
        "the store went back in time: " + At(facts_.points[topic]) + " has applied " +
            std::to_string(from) + " (seq " + std::to_string(started_.seq) + "), published is " +
            std::to_string(published) + " (seq " + std::to_string(note_->seq) +
            "); these events are run again, their outputs suppressed");
    told.events_rerun += published - from;
  }

  Status StateLost() {
    if (policies().on_state_loss == OnStateLoss::kFail) {
      std::string lost;
      for (const StartingPoint& point : facts_.points) {
        if (!point.committed) continue;
        lost += (lost.empty() ? "" : ", ") + At(point) + " (applied: none, committed offset " +
                std::to_string(*point.committed) + ")";
      }
      return Fatal("state of " + lost + " is missing, while group " + facts_.settings->group +
                   " has offsets: the store has lost the state, or another store is configured; "
                   "restore it, or set on_state_loss: rebuild to run the input again, or empty to "
                   "go on without");
    }
    started_.store_from = true;
    return policies().on_state_loss == OnStateLoss::kRebuild ? Rebuild() : BeginEmpty();
  }

  Status Rebuild() {
    for (size_t i = 0; i < facts_.points.size(); ++i) {
      const StartingPoint& point = facts_.points[i];
      if (point.earliest > 0 && policies().on_retention_loss == OnRetentionLoss::kFail) {
        return Fatal("state of " + At(point) + " cannot be rebuilt: the input begins at offset " +
                     std::to_string(point.earliest) +
                     ", earlier records are not retained any more; restore the store, or set "
                     "on_retention_loss: skip to rebuild it from what there is");
      }
      started_.from.push_back({point.topic, point.earliest});
      if (!point.committed) continue;
      started_.published.resize(facts_.points.size(), 0);
      started_.published[i] = *point.committed;
      RecoveryStatus& told =
          Tell(RecoveryStatus::Kind::kRebuild,
               "the state was lost: " + At(point) + " is rebuilt from offset " +
                   std::to_string(point.earliest) + ", outputs below " +
                   std::to_string(*point.committed) + " suppressed (on_state_loss: rebuild)");
      told.events_rerun += *point.committed - point.earliest;
    }
    return {};
  }

  Status BeginEmpty() {
    for (const StartingPoint& point : facts_.points) {
      started_.from.push_back({point.topic, point.committed.value_or(point.start)});
      Tell(RecoveryStatus::Kind::kEmpty, "the state was lost: " + At(point) +
                                             " goes on from offset " +
                                             std::to_string(started_.from.back().offset) +
                                             " with empty state (on_state_loss: empty)");
    }
    return {};
  }

  Status CheckRetention() {
    for (size_t i = 0; i < facts_.points.size(); ++i) {
      const StartingPoint& point = facts_.points[i];
      int64_t& from = started_.from[i].offset;
      if (from >= point.earliest) continue;
      const std::string lost = At(point) + " begins at offset " + std::to_string(point.earliest) +
                               ", the function is at " + std::to_string(from) + ": " +
                               std::to_string(point.earliest - from) +
                               " offsets are no longer retained";
      if (policies().on_retention_loss == OnRetentionLoss::kFail) {
        return Fatal(lost + "; set on_retention_loss: skip to go on without them");
      }
      Tell(RecoveryStatus::Kind::kRetention, lost + " and are skipped (on_retention_loss: skip)")
          .offsets_skipped += point.earliest - from;
      from = point.earliest;
      started_.store_from = true;
    }
    return {};
  }

  // Of events that are passed.
  void ForgetCrashes() {
    std::erase_if(started_.crashes, [&](const TopicCrash& known) {
      return std::none_of(started_.from.begin(), started_.from.end(), [&](const auto& from) {
        return from.topic == known.topic && from.offset <= known.crash.offset;
      });
    });
  }

  void SortOutbox() {
    if (!facts_.acquired) return;
    for (const commit::Publication& entry : facts_.acquired->outbox) {
      if (entry.seq <= started_.published_seq || Covered(entry)) {
        started_.trimmed.push_back(entry.seq);
      } else {
        started_.unpublished.push_back(std::make_shared<commit::Publication>(entry));
      }
    }
    // Units without outputs have no entry: how far they came is still to be told.
    const uint64_t last =
        started_.unpublished.empty() ? started_.published_seq : started_.unpublished.back()->seq;
    if (facts_.settings->delivery == Delivery::kExactlyOnce && started_.seq > last) {
      started_.unpublished.push_back(std::make_shared<commit::Publication>(
          commit::Publication{.seq = started_.seq, .applied = started_.from, .packed = {}}));
    }
  }

  // Every event of it lies below what our own offsets say is published.
  bool Covered(const commit::Publication& entry) const {
    return std::all_of(entry.applied.begin(), entry.applied.end(), [&](const TopicOffset& applied) {
      return std::any_of(
          facts_.points.begin(), facts_.points.end(), [&](const StartingPoint& point) {
            return point.topic == applied.topic && point.committed.value_or(-1) >= applied.offset &&
                   commit::NoteOf(point.metadata);
          });
    });
  }

  std::optional<int64_t> AppliedOf(const std::string& topic) const {
    for (const TopicOffset& applied : facts_.acquired->applied) {
      if (applied.topic == topic) return applied.offset;
    }
    return std::nullopt;
  }

  RecoveryStatus& Tell(RecoveryStatus::Kind kind, const std::string& text) {
    if (!started_.recovery) started_.recovery = RecoveryStatus{.kind = kind, .text = {}};
    std::string& all = started_.recovery->text;
    all += (all.empty() ? "" : "; ") + text;
    return *started_.recovery;
  }

  const RecoveryFacts& facts_;
  std::optional<PublishedNote> note_;  // the newest
  bool any_committed_ = false;
  StartedTask started_;
};

}  // namespace

Result<StartedTask> Recover(const RecoveryFacts& facts) { return Recovery(facts).Run(); }

}  // namespace millrace::lane
