// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kafka/handle.h"
#include "kafka/membership_lease.h"

namespace millrace::kafka {

// Private to this folder.

// Has every client of this configuration tell the lease, which outlives the clients.
void AttachLease(MembershipLease* lease, rd_kafka_conf_t* conf);

}  // namespace millrace::kafka
