// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace millrace::sim {

// Safeties of the protocol that a run can go without, one at a time, to show that the schedules
// notice. They exist in the simulation only: the simulated store and broker ports leave them out.
struct Breaks {
  bool epoch = false;           // the store takes commits of any owner
  bool cas = false;             // the store takes commits whatever its seq
  bool outbox = false;          // the store keeps no outputs
  bool stable_offsets = false;  // published offsets are read without waiting for transactions
  bool metadata = false;        // transactions use the group's newest metadata, not their task's
  bool local_position = false;  // a host takes what itself published for what is published
  bool redo_replay = false;     // a new owner is not given the redo
  bool redo_trim = false;       // entries of the redo are dropped before their cells are written
  bool redo_direct = false;     // a cell is written directly although an older entry has it
  bool crash_id = false;        // the store counts a crash with every acquire that tells it
  bool aside = false;           // the store keeps nothing that is put aside
};

inline std::optional<Breaks> BreakNamed(std::string_view name) {
  Breaks breaks;
  if (name == "epoch")
    breaks.epoch = true;
  else if (name == "cas")
    breaks.cas = true;
  else if (name == "outbox")
    breaks.outbox = true;
  else if (name == "stable_offsets")
    breaks.stable_offsets = true;
  else if (name == "metadata")
    breaks.metadata = true;
  else if (name == "local_position")
    breaks.local_position = true;
  else if (name == "redo_replay")
    breaks.redo_replay = true;
  else if (name == "redo_trim")
    breaks.redo_trim = true;
  else if (name == "redo_direct")
    breaks.redo_direct = true;
  else if (name == "crash_id")
    breaks.crash_id = true;
  else if (name == "aside")
    breaks.aside = true;
  else
    return std::nullopt;
  return breaks;
}

}  // namespace millrace::sim
