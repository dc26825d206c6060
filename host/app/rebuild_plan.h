// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/run_report.h"
#include "base/result.h"
#include "kafka/group_survey.h"
#include "model/function_spec.h"
#include "redis/function_keys.h"

namespace millrace::app {

// Whether the state of a function may be thrown away to be made again from its input; all pure,
// before anything is removed. kFatal: what is in the way, where, and what to do.

// Nobody is in the group, and the input is there from its beginning or the function says that the
// rest will do.
Status CheckInputs(const FunctionSpec& spec, const kafka::GroupSurvey& group);

// What the group's offsets say is published can be believed: outputs of events below them are not
// written again. So where the state has come to must not be told by offsets that are missing, were
// moved by hand or are older than what the broker acknowledged.
Status CheckOffsets(const FunctionSpec& spec, const kafka::GroupSurvey& group,
                    const redis::KeySurvey& keys);

// How far a rebuild is that must come to the end that the inputs had when it began.
struct RebuildProgress {
  int64_t done = 0;  // events, by their offsets
  int64_t total = 0;
  size_t begun = 0;  // partitions of which the store holds progress
  size_t partitions = 0;

  bool reached() const { return begun == partitions && done == total; }
};
RebuildProgress MeasureRebuild(const std::vector<kafka::InputPartition>& inputs,
                               const std::vector<RunReport::Task>& tasks);

// How many tasks the partitions of all topics make.
size_t TaskCount(const std::vector<kafka::InputPartition>& inputs);

}  // namespace millrace::app
