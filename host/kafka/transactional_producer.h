// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "commit/transactions.h"
#include "kafka/group_metadata.h"
#include "kafka/transactional_client.h"

namespace millrace::kafka {

// The blocking side of a lane's transactions: one transactional id and the producer that holds it.
// On one thread; every call ends soon after `stop`. Private to this folder.
class TransactionalProducer {
 public:
  // kFatal: a property is refused. A broker that is away is no failure.
  static Result<std::unique_ptr<TransactionalProducer>> Create(const TransactionalOptions& options,
                                                               const StopSignal* stop);
  ~TransactionalProducer();
  TransactionalProducer(const TransactionalProducer&) = delete;
  TransactionalProducer& operator=(const TransactionalProducer&) = delete;

  // Ends what was left open under the id, if that is not done yet; tries until `until`.
  Status Init(SteadyTime until);
  bool ready() const { return ready_; }

  // One transaction, from its beginning to an outcome. Without one after the transaction's time the
  // producer is replaced by a new one with the same id, whose initialisation settles it; that is
  // tried until it succeeds. After a stop the reply means nothing.
  commit::TransactionReply Run(const commit::TransactionRequest& request);

 private:
  // What is known of the transaction under way.
  struct Attempt {
    const commit::TransactionRequest* request = nullptr;
    SteadyTime until{};
    bool commit_tried = false;
    // The output that was refused for good; of those that were refused for their size the largest.
    std::optional<size_t> refused;
    rd_kafka_resp_err_t refused_code = RD_KAFKA_RESP_ERR_NO_ERROR;
    std::string refused_topic;
    size_t refused_bytes = 0;
  };
  using Failure = std::optional<CallError>;

  TransactionalProducer(const TransactionalOptions& options, const StopSignal* stop)
      : options_(options), stop_(*stop) {}

  static void OnDelivery(rd_kafka_t* rk, const rd_kafka_message_t* message, void* opaque);
  rd_kafka_t* rk() const { return client_->get(); }
  Status Connect();
  void Disconnect();
  void Renew();
  void LogOnce(const std::string& text);

  Failure Try(const rd_kafka_consumer_group_metadata_t* metadata);
  Failure Produce(size_t publication);
  Failure Produce(size_t publication, const std::string& topic, const commit::OutboxRecord& record,
                  Slice id);
  rd_kafka_resp_err_t SendWithRoom(const commit::OutboxRecord& record, Slice id,
                                   rd_kafka_topic_t* topic, size_t publication);
  Failure SendOffsets(const rd_kafka_consumer_group_metadata_t* metadata);
  Failure Commit();
  Failure Abort();

  rd_kafka_topic_t* Topic(const std::string& name);
  rd_kafka_resp_err_t LookAt(rd_kafka_topic_t* topic);
  void Refuse(size_t publication, rd_kafka_resp_err_t code, const std::string& topic, size_t bytes);
  void Settle(const CallError& failure, commit::TransactionReply* reply);
  void BlameFirstOutput(rd_kafka_resp_err_t code);
  commit::TransactionResult AbortedResult(const CallError& failure) const;
  std::string DetailOf(const CallError& failure) const;

  TransactionalOptions options_;
  const StopSignal& stop_;
  std::unique_ptr<Client> client_;
  std::map<std::string, TopicPtr> topics_;  // of the client; bounded by the function's outputs
  bool ready_ = false;
  std::string logged_;
  Attempt attempt_;
};

}  // namespace millrace::kafka
