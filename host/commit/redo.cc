// SPDX-License-Identifier: Apache-2.0
#include "commit/redo.h"

#include <utility>

namespace millrace::commit {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kNumbersOfCell = 3;

}  // namespace

void RedoWriter::Add(const RedoCell& cell) {
  const size_t room =
      used_ + kNumbersOfCell * kNumberBytesMax + cell.key.size() + cell.value.size();
  if (cells_.size() < room) cells_.resize(2 * room);
  Packer packer(cells_.data() + used_);
  packer.Number(cell.state);
  packer.Text(cell.key.view());
  packer.Bytes(cell.value);
  used_ = static_cast<size_t>(packer.at() - cells_.data());
  ++count_;
}

std::string RedoWriter::Finish() {
  std::string packed;
  if (count_ == 0) return packed;
  const size_t room = 2 * kNumberBytesMax + RoomFor(*states_);
  packed.reserve(room + used_);
  packed.resize(room);
  Packer packer(packed.data());
  packer.Number(kFormat);
  packer.Texts(*states_);
  packer.Number(count_);
  packed.resize(static_cast<size_t>(packer.at() - packed.data()));
  packed.append(cells_, 0, used_);
  used_ = 0;
  count_ = 0;
  return packed;
}

RedoReader::RedoReader(Slice packed) : in_(packed) {
  if (in_.Number() != kFormat) in_.Damage();
  states_ = in_.Texts();
  left_ = in_.Number();
}

const RedoCell* RedoReader::Next() {
  if (in_.damaged()) return nullptr;
  if (left_ == 0) {
    if (!in_.at_end()) in_.Damage();
    return nullptr;
  }
  --left_;
  cell_.state = in_.UpTo<uint32_t>(UINT32_MAX);
  cell_.key = in_.Text();
  cell_.value = in_.Bytes();
  if (cell_.state >= states_.size()) in_.Damage();
  return in_.damaged() ? nullptr : &cell_;
}

bool IsRedoEntry(Slice packed) {
  RedoReader reader(packed);
  while (reader.Next()) {
  }
  return !reader.damaged();
}

}  // namespace millrace::commit
