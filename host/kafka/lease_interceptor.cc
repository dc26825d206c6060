// SPDX-License-Identifier: Apache-2.0
#include "kafka/lease_interceptor.h"

namespace millrace::kafka {
namespace {

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

void AttachLease(MembershipLease* lease, rd_kafka_conf_t* conf) {
  rd_kafka_conf_interceptor_add_on_new(conf, kName, OnNew, lease);
}

}  // namespace millrace::kafka
