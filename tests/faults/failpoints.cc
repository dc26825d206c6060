// SPDX-License-Identifier: Apache-2.0
// A librdkafka plugin (property plugin.library.paths) that kills its process at a named step of the
// broker's protocol. FAILPOINT in the environment is <sent|received>:<API key>:<n>: SIGKILL when
// the n-th request of that kind has been written to its socket, or the n-th reply to one has come
// but was not looked at. With FAILPOINT_ONCE it does so only while that file is there, which it
// removes. So the program under test is the one that users run.
#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

namespace {

struct Failpoint {
  std::string at;  // sent, received; empty: none
  int api = -1;
  int left = 0;
};

Failpoint Read() {
  Failpoint failpoint;
  const char* text = std::getenv("FAILPOINT");
  if (!text) return failpoint;
  std::istringstream words(text);
  char colon;
  std::getline(words, failpoint.at, ':');
  words >> failpoint.api >> colon >> failpoint.left;
  if (!words || (failpoint.at != "sent" && failpoint.at != "received")) {
    std::cerr << "FAILPOINT=" << text << ": wanted <sent|received>:<API key>:<n>\n";
    std::abort();
  }
  return failpoint;
}

const Failpoint& TheFailpoint() {
  static const Failpoint failpoint = Read();
  return failpoint;
}

void Pass(const char* at, int api) {
  static std::atomic<int> left{TheFailpoint().left};
  const Failpoint& failpoint = TheFailpoint();
  if (failpoint.api != api || failpoint.at != at) return;
  if (--left != 0) return;
  const char* once = std::getenv("FAILPOINT_ONCE");
  if (!once || unlink(once) == 0) std::raise(SIGKILL);
}

rd_kafka_resp_err_t OnSent(rd_kafka_t*, int, const char*, int32_t, int16_t api, int16_t, int32_t,
                           size_t, void*) {
  Pass("sent", api);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t OnReceived(rd_kafka_t*, int, const char*, int32_t, int16_t api, int16_t,
                               int32_t, size_t, int64_t, rd_kafka_resp_err_t error, void*) {
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) Pass("received", api);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t OnNew(rd_kafka_t* client, const rd_kafka_conf_t*, void*, char*, size_t) {
  rd_kafka_interceptor_add_on_request_sent(client, "failpoints", OnSent, nullptr);
  rd_kafka_interceptor_add_on_response_received(client, "failpoints", OnReceived, nullptr);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

}  // namespace

extern "C" rd_kafka_resp_err_t conf_init(rd_kafka_conf_t* conf, void**, char*, size_t) {
  return rd_kafka_conf_interceptor_add_on_new(conf, "failpoints", OnNew, nullptr);
}
