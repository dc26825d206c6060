// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "http/client.h"
#include "unit/http/fake_api.h"
#include "unit/http/raw_connection.h"

namespace millrace::http {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr Millis kShort{50};

class ServerTest : public testing::Test {
 protected:
  ServerTest() { options_.listen = {"127.0.0.1", 0}; }

  uint16_t Start() {
    auto server = Server::Start(options_, api_, log_);
    EXPECT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    return server_->endpoint().port;
  }

  ClientResponse Ask(std::string method, std::string target, std::string body = "",
                     Fields fields = {}) {
    if (!server_) Start();
    auto response = Send(server_->endpoint(), {.method = std::move(method),
                                               .target = std::move(target),
                                               .fields = std::move(fields),
                                               .body = std::move(body)});
    EXPECT_TRUE(response) << response.error().message;
    return response ? std::move(*response) : ClientResponse{};
  }

  // Sends the bytes on a connection of their own and reads until the server closes it.
  std::string Raw(std::string_view bytes) {
    if (!server_) Start();
    RawConnection connection(server_->endpoint().port);
    connection.Send(bytes);
    return connection.ReadAll();
  }

  bool IsAlive() { return Ask("GET", "/livez").status == 200; }

  FakeApi api_;
  NullLogger log_;
  ServerOptions options_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, HealthIsPlainToSee) {
  EXPECT_EQ(Ask("GET", "/livez").body, "{\"live\":true,\"reason\":null}\n");
  EXPECT_EQ(Ask("GET", "/readyz").status, 200);
  api_.SetReasons({"topic wiki.edits does not exist"});
  const auto response = Ask("GET", "/readyz");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, "{\"ready\":false,\"reasons\":[\"topic wiki.edits does not exist\"]}\n");
}

TEST_F(ServerTest, MetricsArePrometheusText) {
  const auto response = Ask("GET", "/metrics");
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(std::string(*Find(response.fields, "content-type")),
              StartsWith("text/plain; version=0.0.4"));
  EXPECT_THAT(response.body, HasSubstr("\nmillrace_ready 1\n"));
}

TEST_F(ServerTest, VersionNamesTheLibraries) {
  EXPECT_EQ(Ask("GET", "/version").body,
            "{\"version\":\"0.1.0\",\"abi\":\"1.0\",\"libraries\":{\"librdkafka\":\"2.0.2\"}}\n");
}

TEST_F(ServerTest, FunctionsAreListedAndShown) {
  EXPECT_THAT(Ask("GET", "/api/v1/functions").body,
              StartsWith("{\"functions\":[{\"name\":\"echo\""));
  EXPECT_THAT(Ask("GET", "/api/v1/functions/echo").body, StartsWith("{\"name\":\"echo\""));
  EXPECT_THAT(Ask("GET", "/api/v1/functions/%65cho").body, StartsWith("{\"name\":\"echo\""));
  const auto unknown = Ask("GET", "/api/v1/functions/ech%22o%FF");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_THAT(unknown.body,
              StartsWith("{\"error\":\"not found\",\"detail\":\"no function 'ech\\\"o"));
}

TEST_F(ServerTest, HeadAnswersAsGetWithoutTheBody) {
  const auto response = Ask("HEAD", "/livez");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(Find(response.fields, "Content-Length"), "28");
  EXPECT_EQ(response.body, "");
  EXPECT_EQ(Ask("HEAD", "/api/v1/functions/none").status, 404);
}

TEST_F(ServerTest, UnknownPathsAndWrongMethodsAreToldSo) {
  for (const char* path : {"/", "/nothing", "/api/v1", "/api/v1/functions/a/b/c", "/livez/x",
                           "/api/v2/functions", "/../livez", "/livez/.."}) {
    EXPECT_EQ(Ask("GET", path).status, 404) << path;
  }
  const auto get = Ask("GET", "/api/v1/functions/echo/invoke");
  EXPECT_EQ(get.status, 405);
  EXPECT_EQ(Find(get.fields, "Allow"), "POST");
  const auto post = Ask("POST", "/livez");
  EXPECT_EQ(post.status, 405);
  EXPECT_EQ(Find(post.fields, "Allow"), "GET, HEAD");
  EXPECT_EQ(Ask("FROB", "/livez").status, 405);
  EXPECT_EQ(Ask("OPTIONS", "*").status, 400);
}

TEST_F(ServerTest, ARollbackIsBegunOrSaysWhyNot) {
  const std::string target = "/api/v1/functions/echo/rollback";
  const auto begun = Ask("POST", target);
  EXPECT_EQ(begun.status, 202);
  EXPECT_EQ(begun.body, R"({"from":2,"to":{"number":1,"hash":"ba9876543210"}})"
                        "\n");
  EXPECT_EQ(Ask("POST", target + "?to=1").status, 202);
  EXPECT_EQ(Ask("POST", target + "?to=7").status, 409);
  for (const char* query : {"?to=", "?to=0", "?to=-1", "?to=1x", "?to=1&to=1", "?from=1"}) {
    EXPECT_EQ(Ask("POST", target + query).status, 400) << query;
  }
  EXPECT_EQ(Ask("POST", "/api/v1/functions/none/rollback").status, 404);
  EXPECT_EQ(Ask("POST", "/api/v1/functions/starting/rollback").status, 503);
  EXPECT_EQ(Ask("GET", target).status, 405);
}

TEST_F(ServerTest, AWebPageCannotRollBack) {
  RawConnection page(Start());
  page.Send(
      "POST /api/v1/functions/echo/rollback HTTP/1.1\r\nHost: h\r\nOrigin: http://x\r\n"
      "Content-Length: 0\r\n\r\n");
  EXPECT_THAT(page.ReadUntil("}\n"), HasSubstr("HTTP/1.1 403"));
}

TEST_F(ServerTest, InvokeHandsTheEventOverAndShowsWhatCameOfIt) {
  const auto response = Ask("POST", "/api/v1/functions/echo/invoke?key=a%20b&partition=2",
                            std::string("v\0w", 3), {{"Millrace-Header-Kind", "edit"}});
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.body, HasSubstr("\"key\":\"a b\",\"value\":\"v\\u0000w\""));
  const InvokeEvent event = api_.last_event();
  EXPECT_EQ(event.key, "a b");
  EXPECT_EQ(event.value, std::string("v\0w", 3));
  EXPECT_EQ(event.partition, 2);
  ASSERT_EQ(event.headers.size(), 1u);
  EXPECT_EQ(event.headers[0], (EventHeader{"kind", "edit"}));
}

TEST_F(ServerTest, InvokeTakesTheEnvelope) {
  const Fields type = {{"Content-Type", "application/vnd.millrace.event+json"}};
  const std::string target = "/api/v1/functions/echo/invoke";
  EXPECT_EQ(Ask("POST", target, R"({"key_base64": "/w==", "value": null})", type).status, 200);
  EXPECT_EQ(api_.last_event().key, "\xff");
  EXPECT_EQ(api_.last_event().value, std::nullopt);
  const auto refused = Ask("POST", target, R"({"kay": 1})", type);
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, HasSubstr("envelope: unknown member 'kay'"));
  EXPECT_EQ(Ask("POST", target + "?kay=1").status, 400);
  EXPECT_EQ(Ask("POST", target, "x", {{"Content-Encoding", "gzip"}}).status, 415);
}

TEST_F(ServerTest, AnInvocationThatDidNotRunSaysWhy) {
  EXPECT_EQ(Ask("POST", "/api/v1/functions/none/invoke").status, 404);
  const auto refused = Ask("POST", "/api/v1/functions/refused/invoke");
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr("ABI 2, this host has 1"));
  EXPECT_EQ(Ask("POST", "/api/v1/functions/starting/invoke").status, 503);
}

TEST_F(ServerTest, AnExceptionInTheHostIsAnInternalError) {
  EXPECT_EQ(Ask("GET", "/api/v1/functions/throws").status, 500);
  EXPECT_TRUE(IsAlive());
}

TEST_F(ServerTest, ASlowInvocationHoldsUpNobodyElse) {
  const uint16_t port = Start();
  RawConnection slow(port);
  slow.Send("POST /api/v1/functions/slow/invoke HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
  FakeApi::Held held = api_.TakeHeld();
  EXPECT_TRUE(IsAlive());
  std::thread([&] { held.callback(FakeApi::Answer(held.request.event)); }).join();
  EXPECT_THAT(slow.ReadUntil("}\n"), HasSubstr("HTTP/1.1 200 OK"));
  held.callback(FakeApi::Answer(held.request.event));  // a second answer is ignored
  slow.Send("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(slow.ReadUntil("}\n"), HasSubstr("\"live\":true"));
}

TEST_F(ServerTest, AnInvocationOverItsTimeIsGivenUp) {
  options_.timeouts.handle = kShort;
  const uint16_t port = Start();
  RawConnection slow(port);
  slow.Send("POST /api/v1/functions/slow/invoke HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  FakeApi::Held held = api_.TakeHeld();
  EXPECT_THAT(slow.ReadUntil("}\n"), HasSubstr("HTTP/1.1 504"));
  held.callback(FakeApi::Answer({}));
  slow.EndSending();
  EXPECT_EQ(slow.ReadAll(), "");
  EXPECT_TRUE(IsAlive());
}

TEST_F(ServerTest, AnAnswerAfterTheServerHasGoneIsDropped) {
  const uint16_t port = Start();
  RawConnection slow(port);
  slow.Send("POST /api/v1/functions/slow/invoke HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  FakeApi::Held held = api_.TakeHeld();
  server_.reset();
  EXPECT_EQ(slow.ReadAll(), "");
  held.callback(FakeApi::Answer({}));
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  const std::string get = "GET /version HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::string post =
      "POST /api/v1/functions/echo/invoke HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
  const std::string last = "GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  const uint16_t port = Start();
  RawConnection connection(port);
  connection.Send(get + post + get + last);
  connection.EndSending();
  const std::string all = connection.ReadAll();
  const size_t version = all.find("librdkafka");
  const size_t echoed = all.find("\"value\":\"abc\"", version);
  const size_t again = all.find("librdkafka", echoed);
  EXPECT_NE(all.find("\"live\":true", again), std::string::npos) << all;
}

TEST_F(ServerTest, TheBodyMayBeChunkedOrAnnounced) {
  const std::string head = "POST /api/v1/functions/echo/invoke HTTP/1.1\r\nHost: h\r\n";
  EXPECT_THAT(Raw(head + "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
              HasSubstr("\"value\":\"abc\""));
  RawConnection connection(server_->endpoint().port);
  connection.Send(head + "Connection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(connection.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  connection.Send("abc");
  EXPECT_THAT(connection.ReadAll(), HasSubstr("\"value\":\"abc\""));
}

TEST_F(ServerTest, AnOversizeBodyIsRefusedBeforeItIsReadAndTheAnswerArrives) {
  options_.limits.body_bytes_max = 1000;
  const std::string head = "POST /api/v1/functions/echo/invoke HTTP/1.1\r\nHost: h\r\n";
  Start();
  EXPECT_EQ(Ask("POST", "/api/v1/functions/echo/invoke", std::string(1000, 'x')).status, 200);
  EXPECT_EQ(Ask("POST", "/api/v1/functions/echo/invoke", std::string(1001, 'x')).status, 413);
  EXPECT_EQ(Ask("POST", "/api/v1/functions/echo/invoke", std::string(2'000'000, 'x')).status, 413);
  RawConnection announced(server_->endpoint().port);
  announced.Send(head + "Expect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n");
  EXPECT_THAT(announced.ReadUntil("}\n"), StartsWith("HTTP/1.1 413"));
  RawConnection chunked(server_->endpoint().port);
  chunked.Send(head + "Transfer-Encoding: chunked\r\n\r\n7d0\r\n" + std::string(2000, 'x'));
  EXPECT_THAT(chunked.ReadUntil("}\n"), StartsWith("HTTP/1.1 413"));
}

TEST_F(ServerTest, AnOversizeHeaderOrTargetIsRefused) {
  Start();
  EXPECT_EQ(Ask("GET", "/livez?" + std::string(9'000, 'x')).status, 414);
  EXPECT_EQ(Ask("GET", "/livez", "", {{"X-Long", std::string(17'000, 'x')}}).status, 431);
  EXPECT_EQ(Ask("GET", "/livez", "", {{"X-Long", std::string(12'000, 'x')}}).status, 200);
}

TEST_F(ServerTest, MalformedRequestsAreRefusedAndTheConnectionIsClosed) {
  options_.timeouts.linger = kShort;
  for (const std::string_view bad : {
           "nonsense\r\n\r\n",
           "GET /livez HTTP/9.9\r\nHost: h\r\n\r\n",
           "GET /livez HTTP/1.1\r\n\r\n",
           "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
           "GET /livez HTTP/1.1\r\nHost: h\r\nbad field\r\n\r\n",
           "GET /liv ez HTTP/1.1\r\nHost: h\r\n\r\n",
           "GET /livez HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
           "GET /livez HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
           "POST /livez HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: "
           "chunked\r\n\r\n",
           "POST /livez HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
           "POST /livez HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
           "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n",
       }) {
    const std::string answer = Raw(bad);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400")) << bad;
    EXPECT_THAT(answer, HasSubstr("Connection: close")) << bad;
    EXPECT_THAT(answer, HasSubstr("{\"error\":\"bad request\",\"detail\":")) << bad;
  }
  EXPECT_THAT(Raw("GET /livez HTTP/1.1\r\nHost: h\r\nExpect: a miracle\r\n\r\n"),
              StartsWith("HTTP/1.1 417"));
  EXPECT_THAT(Raw("GET /%zz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 400"));
}

TEST_F(ServerTest, ARequestThatEndsEarlyIsToldSo) {
  const uint16_t port = Start();
  RawConnection connection(port);
  connection.Send("POST /livez HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
  connection.EndSending();
  EXPECT_THAT(connection.ReadAll(), StartsWith("HTTP/1.1 400"));
}

TEST_F(ServerTest, ASlowHeaderOrBodyIsCutOff) {
  options_.timeouts.header = kShort;
  options_.timeouts.body = kShort;
  options_.timeouts.linger = kShort;
  EXPECT_THAT(Raw("GET /livez HTTP/1.1\r\nHos"), StartsWith("HTTP/1.1 408"));
  EXPECT_THAT(Raw("POST /livez HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc"),
              StartsWith("HTTP/1.1 408"));
  EXPECT_EQ(Raw(""), "") << "who says nothing is not answered";
}

TEST_F(ServerTest, DrippingBytesDoesNotMoveTheDeadline) {
  options_.timeouts.header = kShort;
  options_.timeouts.linger = kShort;
  options_.limits.header_bytes_max = 1 << 30;  // only the deadline can end it
  const uint16_t port = Start();
  RawConnection drip(port);
  std::atomic<bool> closed = false;
  std::thread dripping([&] {
    drip.Send("GET /livez HTTP/1.1\r\n");
    while (!closed) drip.Send("X: y\r\n");
  });
  const std::string answer = drip.ReadAll();
  closed = true;
  dripping.join();
  EXPECT_THAT(answer, AnyOf("", StartsWith("HTTP/1.1 408")));
  EXPECT_TRUE(IsAlive());
}

TEST_F(ServerTest, AnIdleConnectionIsClosed) {
  options_.timeouts.idle = kShort;
  const uint16_t port = Start();
  RawConnection connection(port);
  connection.Send("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(connection.ReadAll(), HasSubstr("\"live\":true"));
}

TEST_F(ServerTest, AClientThatDoesNotReadIsCutOff) {
  options_.timeouts.write = kShort;
  options_.limits.connections_max = 1;
  const uint16_t port = Start();
  RawConnection stuck(port);
  const std::string body(1'000'000, 'x');
  const std::string post =
      "POST /api/v1/functions/echo/invoke HTTP/1.1\r\nHost: h\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  std::thread sending([&] {
    for (int i = 0; i < 32; ++i) stuck.Send(post);  // ends when the server closes
  });
  sending.join();
  EXPECT_THAT(Raw("GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
              HasSubstr("\"live\":true"))
      << "its place is free again";
}

TEST_F(ServerTest, ConnectionsAboveTheLimitAreTurnedAway) {
  options_.limits.connections_max = 2;
  const uint16_t port = Start();
  {
    RawConnection first(port);
    RawConnection second(port);
    for (RawConnection* connection : {&first, &second}) {
      connection->Send("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
      connection->ReadUntil("}\n");
    }
    RawConnection third(port);
    const std::string answer = third.ReadAll();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 503"));
    const size_t body = answer.find("\r\n\r\n") + 4;
    EXPECT_THAT(answer,
                HasSubstr("Content-Length: " + std::to_string(answer.size() - body) + "\r\n"));
    first.EndSending();
    EXPECT_EQ(first.ReadAll(), "");
    RawConnection fourth(port);
    fourth.Send("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(fourth.ReadUntil("}\n"), HasSubstr("\"live\":true"));
  }
}

TEST_F(ServerTest, ATakenPortIsNamed) {
  options_.listen.port = Start();
  const auto second = Server::Start(options_, api_, log_);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr(ToString(options_.listen)));
  options_.listen = {"localhost", 0};
  EXPECT_FALSE(Server::Start(options_, api_, log_));
}

TEST_F(ServerTest, StopClosesIdleConnectionsAtOnce) {
  const uint16_t port = Start();
  RawConnection idle(port);
  idle.Send("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
  idle.ReadUntil("}\n");
  server_->Stop();
  server_->Stop();
  EXPECT_EQ(idle.ReadAll(), "");
}

std::string Garbage(std::mt19937& random) {
  static constexpr std::string_view kPieces[] = {
      "GET ",
      "POST ",
      "/livez",
      "/api/v1/functions/echo/invoke",
      "?key=",
      "%zz",
      " HTTP/1.1\r\n",
      "Host: h\r\n",
      "Content-Length: ",
      "9",
      "-1",
      "Transfer-Encoding: chunked\r\n",
      "\r\n",
      "\r\n\r\n",
      "Connection: close\r\n",
      "Expect: 100-continue\r\n",
      "{",
      "\"key\":",
      std::string_view("\0", 1),
      "Content-Type: application/vnd.millrace.event+json\r\n",
      "\xff\xfe",
      "5\r\n",
      "0\r\n\r\n"};
  std::string garbage;
  for (size_t pieces = random() % 24; pieces > 0; --pieces) {
    if (random() % 5 == 0) {
      garbage += static_cast<char>(random());
    } else {
      garbage += kPieces[random() % std::size(kPieces)];
    }
  }
  return garbage;
}

TEST_F(ServerTest, GarbageNeverStopsTheServer) {
  options_.timeouts = {.header = kShort,
                       .body = kShort,
                       .handle = kShort,
                       .write = kShort,
                       .idle = kShort,
                       .linger = kShort};
  const uint16_t port = Start();
  std::mt19937 random(20150912);
  for (int i = 0; i < 1000; ++i) {
    RawConnection connection(port);
    connection.Send(Garbage(random));
    connection.EndSending();
    connection.ReadAll();
  }
  EXPECT_TRUE(IsAlive());
}

}  // namespace
}  // namespace millrace::http
