// SPDX-License-Identifier: Apache-2.0
#include "kafka/topic_watch.h"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "kafka/client.h"

namespace millrace::kafka {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kIntervalWell{30'000};
constexpr milliseconds kIntervalUnwell{1'000};
constexpr int kRequestTimeoutMs = 900;  // what a stop has to wait for at most

struct TopicState {
  std::optional<int32_t> partitions;
  std::optional<std::string> problem;
};

std::string ProblemOf(const rd_kafka_metadata_topic_t& topic) {
  if (topic.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
    return std::string("topic ") + topic.topic + " does not exist; create it";
  }
  return std::string("topic ") + topic.topic + " cannot be used: " + rd_kafka_err2str(topic.err);
}

}  // namespace

struct TopicWatch::State {
  std::unique_ptr<Client> client;
  std::vector<TopicPtr> handles;  // what a metadata request without a name asks for

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, TopicState> topics;  // guarded by mutex, as all below
  bool look_now = false;
  bool stop = false;
  std::thread thread;

  void Run();
  void Look();
  void Take(const rd_kafka_metadata_t& metadata);
  void TakeFailure(rd_kafka_resp_err_t error);
  milliseconds Interval() const;
};

void TopicWatch::State::Run() {
  std::unique_lock lock(mutex);
  while (!stop) {
    look_now = false;
    lock.unlock();
    Look();
    lock.lock();
    changed.wait_for(lock, Interval(), [this] { return stop || look_now; });
  }
}

void TopicWatch::State::Look() {
  const rd_kafka_metadata_t* raw = nullptr;
  const auto error = rd_kafka_metadata(client->get(), 0, nullptr, &raw, kRequestTimeoutMs);
  const MetadataPtr metadata(raw);
  std::lock_guard lock(mutex);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    TakeFailure(error);
  } else {
    Take(*metadata);
  }
  rd_kafka_poll(client->get(), 0);
}

void TopicWatch::State::Take(const rd_kafka_metadata_t& metadata) {
  for (int i = 0; i < metadata.topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& topic = metadata.topics[i];
    TopicState& state = topics[topic.topic];
    if (topic.err == RD_KAFKA_RESP_ERR_NO_ERROR && topic.partition_cnt > 0) {
      state = {.partitions = topic.partition_cnt, .problem = std::nullopt};
    } else {
      state = {.partitions = std::nullopt, .problem = ProblemOf(topic)};
    }
  }
}

void TopicWatch::State::TakeFailure(rd_kafka_resp_err_t error) {
  for (auto& [name, state] : topics) {
    state.problem = "no broker answers at " + client->servers() + ": " + rd_kafka_err2str(error);
  }
}

milliseconds TopicWatch::State::Interval() const {
  for (const auto& [name, state] : topics) {
    if (state.problem) return kIntervalUnwell;
  }
  return kIntervalWell;
}

TopicWatch::TopicWatch(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<TopicWatch>> TopicWatch::Create(const ClientOptions& options,
                                                       const std::vector<std::string>& topics) {
  ConfBuilder conf(options.properties);
  conf.SetDefault("allow.auto.create.topics", "false");
  auto state = std::make_unique<State>();
  // A consumer, because a producer's metadata requests make the broker create topics.
  auto client = Client::Create(RD_KAFKA_CONSUMER, std::move(conf), options, nullptr);
  if (!client) return client.error();
  state->client = std::move(*client);
  for (const std::string& topic : topics) {
    const TopicState unknown{.partitions = std::nullopt,
                             .problem = "topic " + topic + " has not been looked up yet"};
    if (!state->topics.try_emplace(topic, unknown).second) continue;
    state->handles.emplace_back(rd_kafka_topic_new(state->client->get(), topic.c_str(), nullptr));
    if (!state->handles.back()) {
      return Fatal("kafka: topic name " + topic +
                   " is refused: " + rd_kafka_err2str(rd_kafka_last_error()));
    }
  }
  state->thread = std::thread(&State::Run, state.get());
  return std::unique_ptr<TopicWatch>(new TopicWatch(std::move(state)));
}

TopicWatch::~TopicWatch() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->changed.notify_all();
  state_->thread.join();
  state_->handles.clear();
}

std::optional<int32_t> TopicWatch::PartitionCount(const std::string& topic) const {
  std::lock_guard lock(state_->mutex);
  const auto found = state_->topics.find(topic);
  return found == state_->topics.end() ? std::nullopt : found->second.partitions;
}

std::optional<std::string> TopicWatch::Problem(const std::string& topic) const {
  std::lock_guard lock(state_->mutex);
  const auto found = state_->topics.find(topic);
  return found == state_->topics.end() ? "topic " + topic + " is not watched"
                                       : found->second.problem;
}

void TopicWatch::LookNow() {
  {
    std::lock_guard lock(state_->mutex);
    state_->look_now = true;
  }
  state_->changed.notify_all();
}

}  // namespace millrace::kafka
