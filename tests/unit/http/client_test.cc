// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "unit/http/raw_connection.h"

namespace millrace::http {
namespace {

using testing::HasSubstr;

// Listens, and answers the first connection with fixed bytes after it has read a request's header.
class CannedServer {
 public:
  explicit CannedServer(std::string answer) : answer_(std::move(answer)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    endpoint_ = {"127.0.0.1", ntohs(address.sin_port)};
  }
  ~CannedServer() {
    if (thread_.joinable()) thread_.join();
    close(listener_);
  }

  void Run() {
    thread_ = std::thread([this] {
      const int connection = accept(listener_, nullptr, nullptr);
      std::string seen;
      char c = 0;
      while (!seen.ends_with("\r\n\r\n") && recv(connection, &c, 1, 0) == 1) seen += c;
      send(connection, answer_.data(), answer_.size(), MSG_NOSIGNAL);
      close(connection);
    });
  }

  const Endpoint& endpoint() const { return endpoint_; }

 private:
  const std::string answer_;
  const int listener_ = socket(AF_INET, SOCK_STREAM, 0);
  Endpoint endpoint_;
  std::thread thread_;
};

const Request kGet{.method = "GET", .target = "/", .fields = {}, .body = {}};

Error FailureOf(std::string answer) {
  CannedServer server(std::move(answer));
  server.Run();
  const auto response = Send(server.endpoint(), kGet);
  EXPECT_FALSE(response);
  return response ? Error{} : response.error();
}

TEST(Client, AnHttpErrorIsAnAnswer) {
  CannedServer server("HTTP/1.1 409 Conflict\r\nX-A: b\r\nContent-Length: 2\r\n\r\nno");
  server.Run();
  const auto response = Send(server.endpoint(), kGet);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 409);
  EXPECT_EQ(Find(response->fields, "x-a"), "b");
  EXPECT_EQ(response->body, "no");
}

TEST(Client, NobodyThereIsRetriableAndNamesTheAddress) {
  Endpoint gone;
  gone = CannedServer("").endpoint();
  const auto response = Send(gone, kGet);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().error_class, ErrorClass::kRetriable);
  EXPECT_THAT(response.error().message, HasSubstr(ToString(gone)));
}

TEST(Client, NoAnswerInTimeIsRetriable) {
  CannedServer silent("");  // accepts in the backlog and never answers
  const auto response = Send(silent.endpoint(), kGet, {.answer_timeout = Millis(50)});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().error_class, ErrorClass::kRetriable);
  EXPECT_THAT(response.error().message, HasSubstr("in time"));
}

TEST(Client, AnAnswerThatIsNotHttpIsFatal) {
  EXPECT_EQ(FailureOf("-ERR unknown command\r\n\r\n").error_class, ErrorClass::kFatal);
  EXPECT_EQ(FailureOf("").error_class, ErrorClass::kRetriable);
}

TEST(Client, ALineBreakInAFieldIsRefused) {
  Request request = kGet;
  request.fields = {{"Millrace-Header-A", "1\r\nEvil: 2"}};
  EXPECT_EQ(Send({"127.0.0.1", 1}, request).error().error_class, ErrorClass::kFatal);
  request = kGet;
  request.target = "/a b";
  EXPECT_EQ(Send({"127.0.0.1", 1}, request).error().error_class, ErrorClass::kFatal);
}

TEST(Client, PercentEncodesAllButUnreserved) {
  EXPECT_EQ(PercentEncode("a b+c/d?\xff-_.~"), "a%20b%2Bc%2Fd%3F%FF-_.~");
}

}  // namespace
}  // namespace millrace::http
