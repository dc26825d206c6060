// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "unit/fakes/lane_bench.h"

namespace millrace::lane {

// Two lanes over one world, and a function that counts the events of each key.
inline const std::vector<Use> kCountingUses = {{1, UseKind::kValue, "counts"},
                                               {2, UseKind::kOutput, "out"}};
inline const TopicPartition kIn{"in", 0};

inline int32_t CountEvent(fakes::HandlerEvent& event) {
  const Slice known = event.Get(1);
  const int count = known.is_null() ? 0 : std::stoi(std::string(known.view()));
  event.Put(1, std::to_string(count + 1));
  return MR_DONE;
}

class CountingLanes : public testing::Test {
 protected:
  CountingLanes() {
    world.group.applied_of = [this](const TopicPartition& at) {
      return world.database.applied(at.partition, at.topic);
    };
  }
  void TearDown() override { EXPECT_THAT(world.group.violations, testing::IsEmpty()); }
  void Start(fakes::LaneBench* on) {
    ASSERT_TRUE(on->Create(&function));
    on->Assign();
  }
  void Feed(int count) {
    for (int i = 0; i < count; ++i) world.log.Append(kIn, {.key = "a", .value = "v"});
  }
  std::string Stored() { return world.database.value(0, 0, "a").value_or("none"); }
  int64_t Applied() { return world.database.applied(0, "in"); }

  fakes::World world;
  fakes::TestFunction function{kCountingUses, CountEvent};
  fakes::LaneBench bench{&world, fakes::Stateful::kYes};
  fakes::LaneBench other{&world, fakes::Stateful::kYes};
};

}  // namespace millrace::lane
