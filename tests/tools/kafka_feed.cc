// SPDX-License-Identifier: Apache-2.0
// kafka_feed: lines of standard input to a topic, for tests; tests/tools/README.md.
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

constexpr int kReadBytes = 1 << 16;
constexpr int kPollMs = 5;
constexpr int kErrorBytes = 512;

struct Options {
  std::string brokers;
  std::string topic;
};

struct Counts {
  uint64_t delivered = 0;
  std::string failure;
};

void OnDelivered(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto* counts = static_cast<Counts*>(opaque);
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++counts->delivered;
  } else {
    counts->failure = rd_kafka_err2str(message->err);
  }
}

class Feed {
 public:
  explicit Feed(const Options& options) : topic_(options.topic) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    char error[kErrorBytes];
    const std::vector<std::pair<const char*, const char*>> settings{
        {"bootstrap.servers", options.brokers.c_str()},
        {"enable.idempotence", "true"},  // order, and no record twice
        {"partitioner", "murmur2_random"},
        {"linger.ms", "2"},
        {"queue.buffering.max.messages", "1000000"}};
    for (const auto& [name, value] : settings) {
      if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK) {
        throw std::runtime_error(error);
      }
    }
    rd_kafka_conf_set_opaque(conf, &counts_);
    rd_kafka_conf_set_dr_msg_cb(conf, OnDelivered);
    rk_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    if (!rk_) throw std::runtime_error(error);
  }
  ~Feed() { rd_kafka_destroy(rk_); }
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  // NAME=VALUE... of the first field, key, value.
  void Line(std::string_view line) {
    const size_t first = line.find('\t');
    const size_t second = first == line.npos ? line.npos : line.find('\t', first + 1);
    if (second == line.npos) throw std::runtime_error("a line without two tabs");
    rd_kafka_headers_t* headers = HeadersOf(line.substr(0, first));
    const std::string_view key = line.substr(first + 1, second - first - 1);
    const std::string_view value = line.substr(second + 1);
    rd_kafka_resp_err_t error;
    do {
      error = rd_kafka_producev(
          rk_, RD_KAFKA_V_TOPIC(topic_.c_str()), RD_KAFKA_V_KEY(key.data(), key.size()),
          RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
      if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) rd_kafka_poll(rk_, kPollMs);
    } while (error == RD_KAFKA_RESP_ERR__QUEUE_FULL);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(rd_kafka_err2str(error));
  }

  // Says how many were delivered, whenever that has changed.
  void Tell() {
    rd_kafka_poll(rk_, 0);
    if (!counts_.failure.empty()) throw std::runtime_error(counts_.failure);
    if (told_ == counts_.delivered) return;
    told_ = counts_.delivered;
    std::printf("%llu\n", static_cast<unsigned long long>(told_));
    std::fflush(stdout);
  }

  void Finish() {
    while (rd_kafka_outq_len(rk_) > 0) rd_kafka_poll(rk_, kPollMs);
    Tell();
  }

 private:
  static rd_kafka_headers_t* HeadersOf(std::string_view text) {
    rd_kafka_headers_t* headers = rd_kafka_headers_new(1);
    const size_t equals = text.find('=');
    if (equals != text.npos) {
      rd_kafka_header_add(headers, text.data(), static_cast<ssize_t>(equals),
                          text.data() + equals + 1, static_cast<ssize_t>(text.size() - equals - 1));
    }
    return headers;
  }

  std::string topic_;
  Counts counts_;
  rd_kafka_t* rk_ = nullptr;
  uint64_t told_ = 0;
};

void Pump(Feed* feed) {
  std::string pending;
  std::vector<char> block(kReadBytes);
  while (true) {
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (poll(&input, 1, kPollMs) > 0) {
      const ssize_t size = read(STDIN_FILENO, block.data(), block.size());
      if (size <= 0) break;
      pending.append(block.data(), static_cast<size_t>(size));
      size_t begin = 0;
      for (size_t end; (end = pending.find('\n', begin)) != pending.npos; begin = end + 1) {
        feed->Line(std::string_view(pending).substr(begin, end - begin));
      }
      pending.erase(0, begin);
    }
    feed->Tell();
  }
  feed->Finish();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program{"Produces lines of HEADER=VALUE|nothing, tab, key, tab, value"};
  Options options;
  program.add_option("--brokers", options.brokers, "HOST:PORT,...")->required();
  program.add_option("--topic", options.topic, "Topic to produce to")->required();
  CLI11_PARSE(program, argc, argv);
  try {
    Feed feed(options);
    Pump(&feed);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kafka_feed: %s: %s\n", options.topic.c_str(), error.what());
    return 1;
  }
  return 0;
}
