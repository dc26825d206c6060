// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>

namespace millrace::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using asio::ip::tcp;
using beast::error_code;

constexpr unsigned kHttp11 = 11;

bool HasControls(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

// The HTTP library writes fields as they are; a line break in one would begin another.
Status CheckFields(const Request& request) {
  const bool broken = HasControls(request.method) || HasControls(request.target) ||
                      request.target.find(' ') != std::string::npos ||
                      std::any_of(request.fields.begin(), request.fields.end(), [](auto& field) {
                        return field.first.find_first_of(" :") != std::string::npos ||
                               HasControls(field.first) || HasControls(field.second);
                      });
  if (!broken) return {};
  return Fatal("the request's target or a header field holds a control character or a space");
}

bhttp::request<bhttp::string_body> ToBeast(const Endpoint& server, const Request& request) {
  bhttp::request<bhttp::string_body> message;
  message.version(kHttp11);
  message.method_string(request.method);
  message.target(request.target);
  for (const auto& [name, value] : request.fields) message.insert(name, value);
  message.set(bhttp::field::host, ToString(server));
  message.body() = request.body;
  message.keep_alive(false);
  message.prepare_payload();
  return message;
}

// The steps of one exchange. Beast's time-outs work on asynchronous calls only, so each step is
// started and the loop is run until it has ended.
class Exchange {
 public:
  Exchange(const Endpoint& server, const ClientOptions& options)
      : server_(server), options_(options) {
    parser_.body_limit(options.answer_bytes_max);
  }

  Status Connect() {
    error_code failure;
    tcp::resolver resolver(io_);
    const auto addresses = resolver.resolve(server_.host, std::to_string(server_.port), failure);
    if (failure) return NotReached(failure);
    stream_.expires_after(options_.connect_timeout);
    stream_.async_connect(addresses, [&](const error_code& result, auto) { failure = result; });
    io_.run();
    if (failure) return NotReached(failure);
    return {};
  }

  Status Ask(const bhttp::request<bhttp::string_body>& message) {
    stream_.expires_after(options_.answer_timeout);
    // A server that refuses a body may answer and close before it has read all of it: read on.
    Await([&](auto done) { bhttp::async_write(stream_, message, done); });
    const error_code failure =
        Await([&](auto done) { bhttp::async_read(stream_, buffer_, parser_, done); });
    if (!failure) return {};
    if (failure == beast::error::timeout) {
      return Retriable(ToString(server_) + " gave no whole answer in time; is it overloaded?");
    }
    static const error_code any_http_error = bhttp::error::bad_method;
    if (failure.category() == any_http_error.category() && parser_.got_some()) {
      return Fatal(ToString(server_) + " does not answer as millrace does: " + failure.message());
    }
    return NotReached(failure);
  }

  ClientResponse TakeResponse() {
    auto message = parser_.release();
    ClientResponse response{.status = static_cast<int>(message.result_int()),
                            .fields = {},
                            .body = std::move(message.body())};
    for (const auto& field : message) {
      response.fields.emplace_back(field.name_string(), field.value());
    }
    return response;
  }

  void ExpectNoBody() { parser_.skip(true); }

 private:
  template <class Operation>
  error_code Await(Operation operation) {
    error_code result;
    operation([&result](const error_code& failure, size_t) { result = failure; });
    io_.restart();
    io_.run();
    return result;
  }

  Error NotReached(const error_code& failure) const {
    return Retriable("no host reached at " + ToString(server_) + ": " + failure.message() +
                     "; is it running, and is this its host.http.listen?");
  }

  const Endpoint& server_;
  const ClientOptions& options_;
  asio::io_context io_{1};
  beast::tcp_stream stream_{io_};
  beast::flat_buffer buffer_;
  bhttp::response_parser<bhttp::string_body> parser_;
};

}  // namespace

Result<ClientResponse> Send(const Endpoint& server, const Request& request,
                            const ClientOptions& options) {
  if (const Status status = CheckFields(request); !status) return status.error();
  Exchange exchange(server, options);
  if (request.method == "HEAD") exchange.ExpectNoBody();
  if (const Status status = exchange.Connect(); !status) return status.error();
  if (const Status status = exchange.Ask(ToBeast(server, request)); !status) return status.error();
  return exchange.TakeResponse();
}

std::string PercentEncode(std::string_view text) {
  return boost::urls::encode(text, boost::urls::unreserved_chars);
}

}  // namespace millrace::http
