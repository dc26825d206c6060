// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <vector>

#include "output_topic.h"
#include "publisher.h"

namespace millrace::load {
namespace {

constexpr int kWaitMs = 1;

class AtLeastOnce final : public Publisher {
 public:
  explicit AtLeastOnce(const PublisherSpec& spec)
      : consumer_(spec.consumer),
        delivered_(static_cast<size_t>(spec.partitions)),
        sent_(delivered_),
        next_(spec.input, spec.partitions),
        committed_(next_),
        client_(NewProducer(spec)),
        output_(client_.get(), spec),
        answers_(rd_kafka_queue_new(spec.consumer)) {}
  ~AtLeastOnce() override {
    rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                      RD_KAFKA_PURGE_F_NON_BLOCKING);
  }

  void Send(int32_t partition, rd_kafka_message_t* const* records, size_t count) override {
    output_.Send(partition, records, count);
    sent_[static_cast<size_t>(partition)] += static_cast<int64_t>(count);
    next_.Set(partition, records[count - 1]->offset + 1);
  }

  void Commit() override {
    if (!mark_ && !asked_ && next_ != committed_) mark_ = Mark{.sent = sent_, .next = next_};
  }

  void Serve() override {
    rd_kafka_poll(client_.get(), 0);
    if (asked_) rd_kafka_queue_poll_callback(answers_.get(), 0);
    bench::Require(error_.empty(), error_);
    if (mark_ && Reached(*mark_)) Ask();
  }

  void Finish() override {
    while (next_ != committed_ || asked_) {
      Commit();
      rd_kafka_poll(client_.get(), kWaitMs);
      Serve();
      bench::EndIfInterrupted();
    }
  }
  int64_t commits() const override { return commits_; }

 private:
  // Where an offset commit stands and what must be delivered before it.
  struct Mark {
    std::vector<int64_t> sent;
    Offsets next;
  };

  bench::ClientPtr NewProducer(const PublisherSpec& spec) {
    bench::Settings settings = HostProducerSettings();
    settings.emplace_back("linger.ms", "1");
    settings.emplace_back("message.timeout.ms", "0");
    return bench::NewClient(RD_KAFKA_PRODUCER, spec.brokers, settings, [this](auto* conf) {
      rd_kafka_conf_set_opaque(conf, this);
      rd_kafka_conf_set_dr_msg_cb(conf, &AtLeastOnce::OnDelivery);
    });
  }

  // A partition's records are acknowledged in the order in which they were sent.
  static void OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
    auto* publisher = static_cast<AtLeastOnce*>(self);
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++publisher->delivered_[static_cast<size_t>(message->partition)];
    } else if (publisher->error_.empty()) {
      publisher->error_ = std::string("an output to ") + rd_kafka_topic_name(message->rkt) +
                          " is not delivered: " + rd_kafka_err2str(message->err);
    }
  }

  bool Reached(const Mark& mark) const {
    for (size_t i = 0; i < delivered_.size(); ++i) {
      if (delivered_[i] < mark.sent[i]) return false;
    }
    return true;
  }

  void Ask() {
    const auto error = rd_kafka_commit_queue(consumer_, mark_->next.List().get(), answers_.get(),
                                             &AtLeastOnce::OnCommit, this);
    bench::Require(error == RD_KAFKA_RESP_ERR_NO_ERROR,
                   std::string("committing offsets: ") + rd_kafka_err2str(error));
    asked_.emplace(std::move(mark_->next));
    mark_.reset();
  }

  static void OnCommit(rd_kafka_t*, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t*,
                       void* self) {
    auto* publisher = static_cast<AtLeastOnce*>(self);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      publisher->error_ = std::string("committing offsets: ") + rd_kafka_err2str(error) +
                          "; does the group have members?";
    }
    publisher->committed_ = *publisher->asked_;
    publisher->asked_.reset();
    ++publisher->commits_;
  }

  rd_kafka_t* consumer_;
  std::vector<int64_t> delivered_;  // by partition
  std::vector<int64_t> sent_;
  Offsets next_;
  Offsets committed_;
  std::optional<Mark> mark_;      // waits for deliveries
  std::optional<Offsets> asked_;  // waits for the broker's answer
  int64_t commits_ = 0;
  std::string error_;
  bench::ClientPtr client_;
  OutputTopic output_;
  kafka::QueuePtr answers_;
};

}  // namespace

std::unique_ptr<Publisher> MakeAtLeastOncePublisher(const PublisherSpec& spec) {
  return std::make_unique<AtLeastOnce>(spec);
}

}  // namespace millrace::load
