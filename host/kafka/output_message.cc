// SPDX-License-Identifier: Apache-2.0
#include "kafka/output_message.h"

#include "kafka/output_producer.h"
#include "model/output_id.h"

namespace millrace::kafka {
namespace {

// rd_kafka takes data and size apart; null data means null whatever the size.
void Add(rd_kafka_headers_t* to, Slice name, Slice value) {
  rd_kafka_header_add(to, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                      static_cast<ssize_t>(value.size()));
}

rd_kafka_headers_t* HeadersOf(const OutputMessage& message) {
  const bool has_id = !message.id.is_null();
  if (message.headers.empty() && !has_id) return nullptr;
  rd_kafka_headers_t* headers = rd_kafka_headers_new(message.headers.size() + 1);
  for (const HeaderView& header : message.headers) Add(headers, header.name, header.value);
  if (has_id) Add(headers, Slice(kOutputIdHeader), message.id);
  return headers;
}

}  // namespace

rd_kafka_resp_err_t Send(rd_kafka_t* producer, const OutputMessage& message) {
  rd_kafka_headers_t* headers = HeadersOf(message);
  const auto bytes = [](Slice slice) { return const_cast<char*>(slice.data()); };
  const rd_kafka_resp_err_t error = rd_kafka_producev(
      producer, RD_KAFKA_V_RKT(message.topic), RD_KAFKA_V_PARTITION(message.partition),
      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
      RD_KAFKA_V_KEY(bytes(message.key), message.key.size()),
      RD_KAFKA_V_VALUE(bytes(message.value), message.value.size()),
      RD_KAFKA_V_TIMESTAMP(message.timestamp_ms), RD_KAFKA_V_HEADERS(headers),
      RD_KAFKA_V_OPAQUE(message.opaque), RD_KAFKA_V_END);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR && headers) rd_kafka_headers_destroy(headers);
  return error;
}

}  // namespace millrace::kafka
