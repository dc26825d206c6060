// SPDX-License-Identifier: Apache-2.0
#include "http/event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::http {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string EnvelopeError(std::string_view body) {
  const auto event = ParseEnvelope(body);
  return event ? "no error" : event.error().message;
}

std::string QueryError(std::string_view query) {
  const auto event = ParseQuery(query);
  return event ? "no error" : event.error().message;
}

TEST(Envelope, HoldsTheWholeEvent) {
  const auto event = ParseEnvelope(R"({"key": "k", "value_base64": "AP8=", "topic": "in",
      "partition": 3, "timestamp": 1700000000000,
      "headers": [{"name": "a", "value": "1"}, {"name": "a", "value": null},
                  {"name": "b", "value_base64": "/w=="}]})");
  ASSERT_TRUE(event) << event.error().message;
  EXPECT_EQ(event->key, "k");
  EXPECT_EQ(event->value, std::string("\0\xff", 2));
  EXPECT_EQ(event->topic, "in");
  EXPECT_EQ(event->partition, 3);
  EXPECT_EQ(event->timestamp_ms, 1'700'000'000'000);
  EXPECT_THAT(event->headers, ElementsAre(EventHeader{"a", "1"}, EventHeader{"a", std::nullopt},
                                          EventHeader{"b", "\xff"}));
}

TEST(Envelope, HeadersMayBeAnObject) {
  const auto event = ParseEnvelope(R"({"headers": {"kind": "edit", "none": null}})");
  ASSERT_TRUE(event) << event.error().message;
  EXPECT_THAT(event->headers,
              ElementsAre(EventHeader{"kind", "edit"}, EventHeader{"none", std::nullopt}));
}

TEST(Envelope, NullAndLeftOutAreNullAndEmptyIsEmpty) {
  EXPECT_EQ(*ParseEnvelope("{}"), InvokeEvent{});
  EXPECT_EQ(*ParseEnvelope(R"({"key": null, "value": null, "headers": null})"), InvokeEvent{});
  EXPECT_EQ(ParseEnvelope(R"({"key": "", "value_base64": ""})")->key, "");
  EXPECT_EQ(ParseEnvelope(R"({"key": "", "value_base64": ""})")->value, "");
}

TEST(Envelope, WhatIsNotUnderstoodIsNamed) {
  EXPECT_THAT(EnvelopeError(R"({"kay": "x"})"), HasSubstr("unknown member 'kay'"));
  EXPECT_THAT(EnvelopeError(R"({"key": "a", "key_base64": "YQ=="})"), HasSubstr("give one"));
  EXPECT_THAT(EnvelopeError(R"({"key": null, "key_base64": "YQ=="})"), HasSubstr("give one"));
  EXPECT_THAT(EnvelopeError(R"({"key": 1})"), HasSubstr("'key' must be a string or null"));
  EXPECT_THAT(EnvelopeError(R"({"value": {"a": 1}})"), HasSubstr("'value' must be a string"));
  EXPECT_THAT(EnvelopeError(R"({"value_base64": "a"})"), HasSubstr("padded base64"));
  EXPECT_THAT(EnvelopeError(R"({"value_base64": null})"), HasSubstr("padded base64"));
  EXPECT_THAT(EnvelopeError(R"({"partition": -1})"), HasSubstr("'partition' must be an integer"));
  EXPECT_THAT(EnvelopeError(R"({"partition": 2147483648})"), HasSubstr("0 to 2147483647"));
  EXPECT_THAT(EnvelopeError(R"({"timestamp": 1.5})"), HasSubstr("'timestamp' must be"));
  EXPECT_THAT(EnvelopeError(R"({"timestamp": 18446744073709551615})"), HasSubstr("'timestamp'"));
  EXPECT_THAT(EnvelopeError(R"({"topic": 1})"), HasSubstr("'topic' must be a string"));
  EXPECT_THAT(EnvelopeError(R"({"headers": "x"})"), HasSubstr("'headers' must be"));
  EXPECT_THAT(EnvelopeError(R"({"headers": {"a": 1}})"), HasSubstr("header 'a'"));
  EXPECT_THAT(EnvelopeError(R"({"headers": [{"value": "1"}]})"), HasSubstr("'name' is missing"));
  EXPECT_THAT(EnvelopeError(R"({"headers": [{"name": "a"}, 1]})"), HasSubstr("header 1"));
  EXPECT_THAT(EnvelopeError(R"({"key": "a", "key": "b"})"), HasSubstr("'key' is given twice"));
  EXPECT_THAT(EnvelopeError(R"({"headers": {"a": "1", "\u0061": "2"}})"),
              HasSubstr("'a' is given twice"));
}

TEST(Envelope, WhatIsNotAJsonObjectIsRefusedWithItsPlace) {
  EXPECT_THAT(EnvelopeError(""), HasSubstr("not JSON at byte 0"));
  EXPECT_THAT(EnvelopeError("{\"key\": \"a\", }"), HasSubstr("not JSON at byte 13"));
  EXPECT_THAT(EnvelopeError("{\"key\": \"a\""), HasSubstr("not JSON"));
  EXPECT_THAT(EnvelopeError("{} x"), HasSubstr("not JSON at byte 3"));
  EXPECT_THAT(EnvelopeError("[]"), HasSubstr("must be a JSON object"));
  EXPECT_THAT(EnvelopeError("{\"key\": \"\xff\"}"), HasSubstr("not JSON"));
  EXPECT_THAT(EnvelopeError(std::string(100'000, '[')), HasSubstr("not JSON"));
}

TEST(Query, IsDecodedAsAForm) {
  const auto event = ParseQuery("key=a%20b+c%2B%00%ff&topic=in&partition=0&timestamp=12");
  ASSERT_TRUE(event) << event.error().message;
  EXPECT_EQ(event->key, std::string("a b c+\0\xff", 8));
  EXPECT_EQ(event->topic, "in");
  EXPECT_EQ(event->partition, 0);
  EXPECT_EQ(event->timestamp_ms, 12);
  EXPECT_EQ(ParseQuery("key=")->key, "");
  EXPECT_EQ(ParseQuery("")->key, std::nullopt);
}

TEST(Query, WhatIsNotUnderstoodIsNamed) {
  EXPECT_THAT(QueryError("kay=1"), HasSubstr("unknown parameter 'kay'"));
  EXPECT_THAT(QueryError("key"), HasSubstr("'key' has no value"));
  EXPECT_THAT(QueryError("key=a&key=b"), HasSubstr("'key' is given twice"));
  EXPECT_THAT(QueryError("key=%zz"), HasSubstr("percent-encoded"));
  EXPECT_THAT(QueryError("partition=-1"), HasSubstr("'partition' must be"));
  EXPECT_THAT(QueryError("partition=1x"), HasSubstr("'partition' must be"));
  EXPECT_THAT(QueryError("partition="), HasSubstr("'partition' must be"));
  EXPECT_THAT(QueryError("partition=99999999999"), HasSubstr("'partition' must be"));
  EXPECT_THAT(QueryError("timestamp=1e3"), HasSubstr("'timestamp' must be"));
}

Request Post(Fields fields, std::string body) {
  return {.method = "POST", .target = "/", .fields = std::move(fields), .body = std::move(body)};
}

TEST(Event, AnyOtherBodyIsTheValue) {
  const auto event = ParseEvent(Post({{"Content-Type", "application/json"},
                                      {"Millrace-Header-Kind", "edit"},
                                      {"millrace-header-x", "1"},
                                      {"Accept", "*/*"}},
                                     "{\"not\": \"an envelope\"}"),
                                "key=k");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->key, "k");
  EXPECT_EQ(event->value, "{\"not\": \"an envelope\"}");
  EXPECT_THAT(event->headers, ElementsAre(EventHeader{"kind", "edit"}, EventHeader{"x", "1"}));
  EXPECT_EQ(ParseEvent(Post({}, ""), "")->value, "");
}

TEST(Event, AnEnvelopeToleratesNothingBesideIt) {
  const Fields type = {{"content-type", "Application/vnd.millrace.event+JSON ; charset=utf-8"}};
  EXPECT_EQ(ParseEvent(Post(type, "{\"key\": \"k\"}"), "")->key, "k");
  EXPECT_FALSE(ParseEvent(Post(type, "{}"), "key=k"));
  Fields with_header = type;
  with_header.emplace_back("Millrace-Header-A", "1");
  EXPECT_FALSE(ParseEvent(Post(with_header, "{}"), ""));
}

TEST(Event, EncodingsThatAreNotUnderstoodAreUnsupported) {
  const std::string type(kEventType);
  EXPECT_TRUE(UnsupportedMedia(Post({{"Content-Encoding", "gzip"}}, "")));
  EXPECT_TRUE(UnsupportedMedia(Post({{"Content-Type", type + "; charset=latin1"}}, "")));
  EXPECT_FALSE(UnsupportedMedia(Post({{"Content-Type", type + "; charset=\"UTF-8\""}}, "")));
  EXPECT_FALSE(UnsupportedMedia(Post({{"Content-Type", "text/plain; charset=latin1"}}, "")));
  EXPECT_FALSE(UnsupportedMedia(Post({{"Content-Encoding", "identity"}}, "")));
}

}  // namespace
}  // namespace millrace::http
