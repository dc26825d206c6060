// SPDX-License-Identifier: Apache-2.0
#include "http/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/http/fake_api.h"

namespace millrace::http {
namespace {

using testing::HasSubstr;

TEST(InvokeJson, ShowsEverythingTheHandlerAskedFor) {
  InvokeResponse response = FakeApi::Answer({.key = "k",
                                             .value = std::nullopt,
                                             .headers = {{"a", "1"}},
                                             .topic = {},
                                             .partition = {},
                                             .timestamp_ms = {}});
  response.state = {{.state = "pages", .key = "k", .field = {}, .before = {}, .after = "{}"}};
  response.logs = {{.level = "info", .text = "seen"}};
  EXPECT_EQ(ToJson(response),
            R"({"outcome":"done","reason":null,"duration_us":12,"partition":1,)"
            R"("emitted":[{"output":"echo","topic":"out","partition":1,"key":"k","value":null,)"
            R"("headers":[{"name":"a","value":"1"}],"timestamp":7}],)"
            R"("state":[{"state":"pages","key":"k","field":null,"before":null,"after":"{}"}],)"
            R"("logs":[{"level":"info","text":"seen"}]})");
}

TEST(InvokeJson, BytesThatAreNotUtf8AreBase64) {
  InvokeResponse response = FakeApi::Answer({.key = "\xff",
                                             .value = "",
                                             .headers = {{"a", "\xfe"}},
                                             .topic = {},
                                             .partition = {},
                                             .timestamp_ms = {}});
  response.reason = "bad \xff";
  const std::string json = ToJson(response);
  EXPECT_THAT(json, HasSubstr(R"("key_base64":"/w==","value":"")"));
  EXPECT_THAT(json, HasSubstr(R"({"name":"a","value_base64":"/g=="})"));
  EXPECT_THAT(json, HasSubstr("\"reason\":\"bad \xef\xbf\xbd\""));
}

TEST(FunctionJson, HasTheDocumentedShape) {
  EXPECT_EQ(
      ToJson(FakeApi::Echo()),
      R"({"name":"echo","state":"running","reason":null,"library":"echo.so",)"
      R"("generation":{"number":2,"hash":"0123456789ab"},"generations":[)"
      R"({"number":null,"hash":null,"state":"refused","reason":"cut short","since":5},)"
      R"({"number":2,"hash":"0123456789ab","state":"running","reason":null,"since":9}],"group":"millrace.default.echo",)"
      R"("delivery":"at_least_once","topics":["in"],"lanes":1,"isolation":"process","pid":null,"restarts":0,"tasks":[{"partition":1,"lane":0,"state":"retrying",)"
      R"("reason":"retry","topics":[{"topic":"in","applied":41,"lag":3},)"
      R"({"topic":"in2","applied":null,"lag":null}],"epoch":"ab",)"
      R"("recovery":{"kind":"went-back","text":"3 behind","events_rerun":3,)"
      R"("outputs_suppressed":2,"offsets_skipped":0},)"
      R"("aside":[{"kind":"crash","topic":"in","offset":7}],"aside_count":1}],)"
      R"("retries":[{"topic":"in","partition":1,"offset":41,"attempts":4,"next_try_in_ms":800,)"
      R"("reason":"no luck"}],"counters":{"records_ingested":0,"records_filtered":0,)"
      R"("invocations":{"done":0,"retry":0,"drop":0,"dead-letter":0,"fatal":0},"dropped":0,)"
      R"("outputs":0,"commits":{"applied":0,"fenced":0,"diverged":0,"unavailable":0,"rejected":0},)"
      R"("commit_effects":0,"transactions":{"committed":0,"aborted":0,"unknown":0,"fenced":0,)"
      R"("refused":0},"recoveries":{"went-back":0,"rebuild":0,"empty":0,"offset-reset":0,)"
      R"("retention":0},"events_rerun":0,"outputs_suppressed":0,"offsets_skipped":0,)"
      R"("repeats_dropped":0,"records_put_aside":0,"state_cache_hits":0,"state_cache_misses":0,)"
      R"("state_ondemand_reads":0,"state_cache_bytes":0,"output_queue_bytes":0}})");
}

TEST(FunctionJson, AFunctionThatNeverLoadedHasNoGeneration) {
  FunctionStatus refused;
  refused.name = "x";
  refused.state = FunctionState::kRefused;
  refused.reason = "x.so: no such file";
  EXPECT_THAT(ToJson(refused), HasSubstr(R"("state":"refused","reason":"x.so: no such file")"));
  EXPECT_THAT(ToJson(refused), HasSubstr(R"("generation":null)"));
  EXPECT_EQ(ToJson(std::vector<FunctionStatus>{}), R"({"functions":[]})");
}

TEST(HealthJson, SaysWhatIsWrong) {
  EXPECT_EQ(ToJson(Readiness{}), R"({"ready":true,"reasons":[]})");
  EXPECT_EQ(ToJson(Readiness{{"redis away"}}), R"({"ready":false,"reasons":["redis away"]})");
  EXPECT_EQ(ToJson(Liveness{Liveness::State::kStuck, "lane 0"}),
            R"({"live":false,"reason":"lane 0"})");
}

}  // namespace
}  // namespace millrace::http
