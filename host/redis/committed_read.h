// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "redis/out_buffer.h"
#include "redis/read_codec.h"
#include "redis/reply_parser.h"
#include "redis/task_keys.h"

namespace millrace::redis {

// Reads for others than the task's owner (state::ReadView::kCommitted): the commands of a read in
// one MULTI, after one for the redo, which is laid over what they find. Pure: no socket, no time.

// Before and after the commands of `job` are encoded.
void BeginCommitted(const TaskKeys& keys, std::span<const state::StateDecl> states,
                    std::span<const state::ReadItem> items, ReadJob* job, OutBuffer* out);
void EndCommitted(ReadJob* job, OutBuffer* out);

// Takes the next reply to such a job, for as long as job->queued says that there are some. A
// damaged entry of the redo fails the job: what it holds of the state is not known.
void DecodeCommitted(Reply reply, ReadJob* job);

}  // namespace millrace::redis
