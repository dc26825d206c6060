// SPDX-License-Identifier: Apache-2.0
#include "app/lane_board.h"

#include <new>
#include <stdexcept>

namespace millrace::app {
namespace {

std::unique_ptr<process::SharedMemory> Make(size_t bytes) {
  auto memory = process::SharedMemory::Create(bytes);
  if (!memory) throw std::runtime_error(memory.error().message);
  return *std::move(memory);
}

}  // namespace

LaneBoard::LaneBoard(int lanes)
    : slots_(Make(SlotBytes(lanes))), lease_(Make(sizeof(kafka::MembershipLease))), lanes_(lanes) {
  Begin();
}

void LaneBoard::Begin() {
  for (int i = 0; i < lanes_ + kOthers; ++i) new (slots() + i) LaneSlot();
  new (tail()) Tail();
  new (lease_->data()) kafka::MembershipLease();
}

// One that was killed from outside tells nobody: of several calls the longest is the likeliest to
// have been the reason.
std::optional<int> LaneBoard::CulpritLane() const {
  const int32_t number = culprit()->value();
  if (number > 0 && number <= lanes_) return number - 1;
  if (number != 0) return std::nullopt;
  std::optional<int> longest;
  SteadyTime since = SteadyTime::max();
  for (int lane = 0; lane < lanes_; ++lane) {
    const auto call = slot(lane).in_flight.Read();
    if (!call || call->since >= since) continue;
    since = call->since;
    longest = lane;
  }
  return longest;
}

void LaneBoard::Clear() {
  for (int i = 0; i < lanes_ + kOthers; ++i) slots()[i].in_flight.End();
  culprit()->Clear();
  for (int lane = 0; lane < lanes_; ++lane) slot(lane).counters.ClearGauges();
}

// A process that was killed, or whose machine went down, has noted nobody: nothing is charged.
Result<std::unique_ptr<LaneBoard>> LaneBoard::Keep(const std::string& path, int lanes,
                                                   std::optional<Remains>* remains) {
  auto slots = process::SharedMemory::Keep(path, SlotBytes(lanes));
  if (!slots) return slots.error();
  std::unique_ptr<LaneBoard> board(
      new LaneBoard(*std::move(slots), Make(sizeof(kafka::MembershipLease)), lanes));
  const int32_t culprit = board->culprit()->value();
  if (culprit > 0 && culprit <= lanes) {
    const invoke::InFlight& in_flight = board->slot(culprit - 1).in_flight;
    if (const auto call = in_flight.Read()) *remains = Remains{*call, in_flight.library()};
  }
  board->Begin();
  return board;
}

Result<std::unique_ptr<LaneBoard>> LaneBoard::Attach(UniqueFd slots, UniqueFd lease, int lanes) {
  using process::Access;
  auto slots_memory =
      process::SharedMemory::Attach(std::move(slots), SlotBytes(lanes), Access::kReadWrite);
  if (!slots_memory) return slots_memory.error();
  auto lease_memory = process::SharedMemory::Attach(std::move(lease),
                                                    sizeof(kafka::MembershipLease), Access::kRead);
  if (!lease_memory) return lease_memory.error();
  return std::unique_ptr<LaneBoard>(
      new LaneBoard(*std::move(slots_memory), *std::move(lease_memory), lanes));
}

}  // namespace millrace::app
