// SPDX-License-Identifier: Apache-2.0
#include "http/session.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>
#include <string>

#include "http/router.h"

namespace millrace::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using asio::ip::tcp;
using beast::error_code;

constexpr unsigned kHttp11 = 11;
constexpr size_t kReadBytes = 8 * 1024;
constexpr size_t kLingerBytesMax = 4 * 1024 * 1024;  // thrown away after an error, then closed

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view kRefusal =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 72\r\n"
    "Connection: close\r\n\r\n"
    "{\"error\":\"unavailable\",\"detail\":\"too many connections; try again later\"}";

// What to answer to a request that could not be read; none if nobody would read the answer.
std::optional<Reply> ReplyTo(const error_code& failure, const ServerLimits& limits) {
  if (failure == bhttp::error::header_limit) {
    return ErrorReply(431, "the request line and fields are over " +
                               std::to_string(limits.header_bytes_max) + " bytes");
  }
  if (failure == bhttp::error::body_limit) {
    return ErrorReply(413, "the body is over " + std::to_string(limits.body_bytes_max) + " bytes");
  }
  static const error_code any_http_error = bhttp::error::bad_method;
  const bool malformed = failure.category() == any_http_error.category();
  if (!malformed || failure == bhttp::error::end_of_stream) return std::nullopt;
  return ErrorReply(400, "not an HTTP/1.1 request: " + failure.message());
}

// What is wrong with a header that parsed; none if nothing is.
std::optional<Reply> RefuseHeader(const bhttp::request_parser<bhttp::string_body>& parser,
                                  const ServerLimits& limits) {
  const auto& header = parser.get();
  if (header.target().size() > limits.target_bytes_max) {
    return ErrorReply(414,
                      "the target is over " + std::to_string(limits.target_bytes_max) + " bytes");
  }
  if (header.version() >= 11 && header.count(bhttp::field::host) != 1) {
    return ErrorReply(400, "HTTP/1.1 wants one Host field");
  }
  if (header.count(bhttp::field::transfer_encoding) > 0 &&
      (header.count(bhttp::field::content_length) > 0 || !parser.chunked())) {
    return ErrorReply(400, "Transfer-Encoding must be chunked, without a Content-Length");
  }
  const auto expect = header.find(bhttp::field::expect);
  if (expect != header.end() && !EqualsIgnoringCase(expect->value(), "100-continue")) {
    return ErrorReply(417, "the only expectation understood is 100-continue");
  }
  return std::nullopt;
}

// One connection, on the server's thread: wait, read header, read body, ask the API, write, again.
// One of those steps is under way at any time, always under a deadline, whose wait keeps the
// session alive; Close ends both.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, SessionHub& hub)
      : socket_(std::move(socket)), timer_(socket_.get_executor()), hub_(hub), id_(hub.next_id++) {}

  ~Session() { hub_.open.erase(id_); }

  void Start() {
    hub_.open.emplace(id_, [self = weak_from_this()] {
      if (const auto session = self.lock()) session->Close();
    });
    error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    ReadHeader();
  }

 private:
  enum class Phase { kReading, kHandling, kWriting, kIdle, kClosed };

  auto Then(void (Session::*step)(const error_code&, size_t)) {
    return [self = shared_from_this(), step](const error_code& failure, size_t bytes) {
      if (self->phase_ != Phase::kClosed) (self.get()->*step)(failure, bytes);
    };
  }

  void Enter(Phase phase, Millis deadline) {
    phase_ = phase;
    expired_ = false;
    timer_.expires_after(deadline);
    timer_.async_wait([self = shared_from_this(), step = ++step_](const error_code& cancelled) {
      if (!cancelled && self->step_ == step) self->OnDeadline();
    });
  }

  void OnDeadline() {
    expired_ = true;
    if (phase_ == Phase::kHandling) {
      Fail(ErrorReply(504, "the function did not answer in time; what it does is not awaited"));
    } else if (phase_ == Phase::kReading) {
      // Not cancel: that misses a read that is between two pieces.
      error_code ignored;
      socket_.shutdown(tcp::socket::shutdown_receive, ignored);
    } else {
      Close();
    }
  }

  void WaitForRequest() {
    if (buffer_.size() > 0) return ReadHeader();  // pipelined
    Enter(Phase::kIdle, hub_.options.timeouts.idle);
    socket_.async_read_some(buffer_.prepare(kReadBytes), Then(&Session::OnFirstBytes));
  }

  void OnFirstBytes(const error_code& failure, size_t bytes) {
    if (failure) return Close();
    buffer_.commit(bytes);
    ReadHeader();
  }

  void ReadHeader() {
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(hub_.options.limits.header_bytes_max));
    parser_->body_limit(hub_.options.limits.body_bytes_max);
    Enter(Phase::kReading, hub_.options.timeouts.header);
    bhttp::async_read_header(socket_, buffer_, *parser_, Then(&Session::OnHeader));
  }

  void OnHeader(const error_code& failure, size_t) {
    if (failure) return OnUnreadable(failure, "the header did not arrive in time");
    if (auto refused = RefuseHeader(*parser_, hub_.options.limits)) return Fail(*refused);
    Enter(Phase::kReading, hub_.options.timeouts.body);
    if (parser_->get().count(bhttp::field::expect) == 0 || parser_->is_done()) return ReadBody();
    asio::async_write(socket_, asio::buffer(kContinue), Then(&Session::OnContinued));
  }

  void OnContinued(const error_code& failure, size_t) { failure ? Close() : ReadBody(); }

  void ReadBody() { bhttp::async_read(socket_, buffer_, *parser_, Then(&Session::OnRequest)); }

  void OnUnreadable(const error_code& failure, const char* too_late) {
    if (expired_ && !parser_->got_some()) return Close();
    if (expired_) return Fail(ErrorReply(408, too_late));
    const auto reply = ReplyTo(failure, hub_.options.limits);
    reply ? Fail(*reply) : Close();
  }

  void OnRequest(const error_code& failure, size_t) {
    if (failure) return OnUnreadable(failure, "the body did not arrive in time");
    auto message = parser_->release();
    keep_alive_ = message.keep_alive();
    answer_is_header_only_ = message.method() == bhttp::verb::head;
    Enter(Phase::kHandling, hub_.options.timeouts.handle);
    Request request{.method = std::string(message.method_string()),
                    .target = std::string(message.target()),
                    .fields = {},
                    .body = std::move(message.body())};
    for (const auto& field : message) {
      request.fields.emplace_back(field.name_string(), field.value());
    }
    Route(hub_.api, std::move(request), AnswerFromAnyThread());
  }

  ReplyCallback AnswerFromAnyThread() {
    return [path = hub_.return_path, self = weak_from_this(), step = step_](Reply reply) {
      path->Post([self, step, reply = std::move(reply)]() mutable {
        const auto session = self.lock();
        // The first answer in time moves the session on; any other finds another step.
        if (session && session->step_ == step) session->Write(std::move(reply));
      });
    };
  }

  void Fail(Reply reply) {
    if (phase_ == Phase::kReading) answer_is_header_only_ = false;
    keep_alive_ = false;
    Write(std::move(reply));
  }

  void Write(Reply reply) {
    Enter(Phase::kWriting, hub_.options.timeouts.write);
    serializer_.reset();
    response_ = {static_cast<bhttp::status>(reply.status), kHttp11, std::move(reply.body)};
    response_.set(bhttp::field::content_type, reply.content_type);
    response_.set(bhttp::field::cache_control, "no-store");
    response_.set("X-Content-Type-Options", "nosniff");
    if (!reply.allow.empty()) response_.set(bhttp::field::allow, reply.allow);
    response_.keep_alive(keep_alive_);
    response_.prepare_payload();
    serializer_.emplace(response_);
    if (answer_is_header_only_) {
      bhttp::async_write_header(socket_, *serializer_, Then(&Session::OnWritten));
    } else {
      bhttp::async_write(socket_, *serializer_, Then(&Session::OnWritten));
    }
  }

  void OnWritten(const error_code& failure, size_t) {
    if (failure) return Close();
    if (keep_alive_) return WaitForRequest();
    // Closing with unread bytes would reset the connection and take the answer away with it.
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    Enter(Phase::kIdle, hub_.options.timeouts.linger);
    ThrowAway();
  }

  void ThrowAway() {
    buffer_.clear();
    socket_.async_read_some(buffer_.prepare(kReadBytes), Then(&Session::OnThrownAway));
  }

  void OnThrownAway(const error_code& failure, size_t bytes) {
    thrown_away_bytes_ += bytes;
    failure || thrown_away_bytes_ > kLingerBytesMax ? Close() : ThrowAway();
  }

  void Close() {
    phase_ = Phase::kClosed;
    ++step_;
    timer_.cancel();
    error_code ignored;
    socket_.close(ignored);
  }

  tcp::socket socket_;
  asio::steady_timer timer_;
  SessionHub& hub_;
  const uint64_t id_;
  Phase phase_ = Phase::kReading;
  uint64_t step_ = 0;  // rises with every Enter: what belongs to an earlier step is late
  bool expired_ = false;
  bool keep_alive_ = false;
  bool answer_is_header_only_ = false;
  size_t thrown_away_bytes_ = 0;
  beast::flat_buffer buffer_;
  std::optional<bhttp::request_parser<bhttp::string_body>> parser_;
  bhttp::response<bhttp::string_body> response_;
  std::optional<bhttp::response_serializer<bhttp::string_body>> serializer_;
};

}  // namespace

void Serve(tcp::socket socket, SessionHub& hub) {
  std::make_shared<Session>(std::move(socket), hub)->Start();
}

void Refuse(tcp::socket socket) {
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(kRefusal), ignored);
  socket.shutdown(tcp::socket::shutdown_send, ignored);
}

}  // namespace millrace::http
