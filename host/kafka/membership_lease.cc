// SPDX-License-Identifier: Apache-2.0
#include "kafka/membership_lease.h"

#include <time.h>

namespace millrace::kafka {
namespace {

// Of Kafka's protocol.
constexpr int16_t kHeartbeat = 12;
constexpr int16_t kSyncGroup = 14;
constexpr const char* kName = "membership-lease";

MembershipLease& Of(void* opaque) { return *static_cast<MembershipLease*>(opaque); }

rd_kafka_resp_err_t OnSent(rd_kafka_t*, int, const char*, int32_t, int16_t api_key, int16_t,
                           int32_t, size_t, void* lease) {
  Of(lease).OnSent(api_key, MembershipLease::Now());
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t OnReceived(rd_kafka_t*, int, const char*, int32_t, int16_t api_key, int16_t,
                               int32_t, size_t, int64_t, rd_kafka_resp_err_t error, void* lease) {
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) Of(lease).OnReceived(api_key);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t OnNew(rd_kafka_t* client, const rd_kafka_conf_t*, void* lease, char*, size_t) {
  rd_kafka_interceptor_add_on_request_sent(client, kName, OnSent, lease);
  rd_kafka_interceptor_add_on_response_received(client, kName, OnReceived, lease);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

}  // namespace

MembershipLease::Nanos MembershipLease::Now() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + Nanos(now.tv_nsec);
}

void MembershipLease::OnSent(int16_t api_key, Nanos now) {
  if (api_key == kSyncGroup) {
    synced_ = now.count();
    answered_ = false;  // what was answered before belongs to the membership before
  }
  if (api_key != kHeartbeat) return;
  if (answered_.exchange(false)) Confirm(heartbeat_);
  heartbeat_ = now.count();
}

void MembershipLease::OnReceived(int16_t api_key) {
  if (api_key == kHeartbeat) answered_ = true;
}

void MembershipLease::Attach(rd_kafka_conf_t* conf) {
  rd_kafka_conf_interceptor_add_on_new(conf, kName, OnNew, this);
}

}  // namespace millrace::kafka
