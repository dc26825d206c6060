// SPDX-License-Identifier: Apache-2.0
#include "kafka/transactional_producer.h"

#include <algorithm>
#include <utility>

#include "kafka/offset_list.h"
#include "kafka/output_message.h"

namespace millrace::kafka {
namespace {

using commit::TransactionReply;
using commit::TransactionRequest;
using commit::TransactionResult;

// Calls that go on in the background are cut into slices, so that a stop is seen between them.
constexpr int kSliceMs = 1'000;
constexpr int kSendOffsetsMs = 5'000;  // starts anew when it is called again
constexpr int kLookAtTopicMs = 1'000;
constexpr int kQueueFullWaitMs = 50;
constexpr Millis kInitPause{500};
constexpr Millis kAbortMax{5'000};

SteadyTime Now() { return std::chrono::steady_clock::now(); }

// Errors of a record or its topic that do not pass by themselves.
bool IsRefusal(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
      return true;
    default:
      return false;
  }
}

// The group has expelled the member: not only this transaction is void.
bool IsExpelled(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
         code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
}

// The message's opaque pointer holds its publication's index.
void* OpaqueOf(size_t publication) { return reinterpret_cast<void*>(publication); }
size_t PublicationOf(const rd_kafka_message_t& message) {
  return reinterpret_cast<size_t>(message._private);
}

}  // namespace

Result<std::unique_ptr<TransactionalProducer>> TransactionalProducer::Create(
    const TransactionalOptions& options, const StopSignal* stop) {
  std::unique_ptr<TransactionalProducer> producer(new TransactionalProducer(options, stop));
  if (Status status = producer->Connect(); !status) return status.error();
  return producer;
}

TransactionalProducer::~TransactionalProducer() { Disconnect(); }

Status TransactionalProducer::Connect() {
  auto client = MakeTransactionalClient(options_, &TransactionalProducer::OnDelivery, this);
  if (!client) return client.error();
  client_ = std::move(*client);
  return {};
}

void TransactionalProducer::Disconnect() {
  ready_ = false;
  topics_.clear();
  if (!client_) return;
  rd_kafka_purge(
      rk(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
  client_.reset();
}

Status TransactionalProducer::Init(SteadyTime until) {
  while (!ready_) {
    if (!client_) {
      if (Status status = Connect(); !status) return status.error();
    }
    const Failure failure =
        Repeat(stop_, until, [this] { return rd_kafka_init_transactions(rk(), kSliceMs); });
    if (!failure) {
      ready_ = true;
      logged_.clear();
      break;
    }
    const std::string text = "transactional id " + options_.transactional_id +
                             " cannot be initialised: " + failure->text;
    LogOnce(text);
    if (failure->kind == CallError::Kind::kUnfinished) return Retriable(text);
    Disconnect();  // fenced by another producer's initialisation, or not permitted
    if (Now() >= until || stop_.Wait(kInitPause)) return Retriable(text);
  }
  return {};
}

void TransactionalProducer::LogOnce(const std::string& text) {
  if (text == logged_ || stop_.stopped()) return;
  logged_ = text;
  if (client_) client_->Log(4, text);
}

// Ends whatever is open under our id, as nobody else can.
void TransactionalProducer::Renew() {
  Disconnect();
  while (!stop_.stopped() && !Init(Now() + options_.transaction_timeout)) {
  }
}

TransactionReply TransactionalProducer::Run(const TransactionRequest& request) {
  TransactionReply reply;
  reply.number = request.number;
  attempt_ = Attempt();
  attempt_.request = &request;
  attempt_.until = Now() + options_.transaction_timeout;
  const auto not_begun = [&reply](const Error& error) {
    reply.result = TransactionResult::kAborted;
    reply.detail = error.message;
    return reply;
  };
  const Result<GroupMetadataPtr> metadata = ParseGroupMetadata(request.group_metadata);
  if (!metadata) return not_begun(metadata.error());
  if (Status status = Init(attempt_.until); !status) return not_begun(status.error());
  attempt_.until = Now() + options_.transaction_timeout;
  if (const Failure failure = Try(metadata->get())) Settle(*failure, &reply);
  return reply;
}

TransactionalProducer::Failure TransactionalProducer::Try(
    const rd_kafka_consumer_group_metadata_t* metadata) {
  if (auto failure =
          Repeat(stop_, attempt_.until, [this] { return rd_kafka_begin_transaction(rk()); })) {
    return failure;
  }
  for (size_t i = 0; i < attempt_.request->publications.size(); ++i) {
    if (Failure failure = Produce(i)) return failure;
  }
  if (Failure failure = SendOffsets(metadata)) return failure;
  return Commit();
}

TransactionalProducer::Failure TransactionalProducer::Produce(size_t publication) {
  const std::string& packed = attempt_.request->publications[publication]->packed;
  if (packed.empty()) return std::nullopt;
  commit::OutboxReader reader{Slice(packed)};
  while (const commit::OutboxRecord* record = reader.Next()) {
    const std::string& topic = reader.topics()[record->topic];
    if (Failure failure = Produce(publication, topic, *record, reader.Id())) {
      return failure;
    }
  }
  if (!reader.damaged()) return std::nullopt;
  Refuse(publication, RD_KAFKA_RESP_ERR__BAD_MSG, "", 0);
  return CallError{.kind = CallError::Kind::kAbortable,
                   .code = RD_KAFKA_RESP_ERR__BAD_MSG,
                   .text = "the packed outputs are damaged"};
}

TransactionalProducer::Failure TransactionalProducer::Produce(size_t publication,
                                                              const std::string& topic,
                                                              const commit::OutboxRecord& record,
                                                              Slice id) {
  rd_kafka_topic_t* handle = Topic(topic);
  rd_kafka_resp_err_t error = SendWithRoom(record, id, handle, publication);
  // A topic that has grown since it was looked at.
  if (error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION) {
    LookAt(handle);
    error = SendWithRoom(record, id, handle, publication);
  }
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
  CallError failure{.kind = CallError::Kind::kAbortable,
                    .code = error,
                    .text = "output to " + topic + "/" + std::to_string(record.partition) +
                            " is not taken: " + rd_kafka_err2str(error)};
  if (IsRefusal(error)) Refuse(publication, error, topic, record.key.size() + record.value.size());
  if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) failure.kind = CallError::Kind::kUnfinished;
  if (const auto fatal = rd_kafka_fatal_error(rk(), nullptr, 0)) {
    failure.kind = CallError::Kind::kFatal;
    failure.code = fatal;
  }
  return failure;
}

rd_kafka_resp_err_t TransactionalProducer::SendWithRoom(const commit::OutboxRecord& record,
                                                        Slice id, rd_kafka_topic_t* topic,
                                                        size_t publication) {
  while (true) {
    const rd_kafka_resp_err_t error = Send(rk(), {.topic = topic,
                                                  .partition = record.partition,
                                                  .timestamp_ms = record.timestamp_ms,
                                                  .key = record.key,
                                                  .value = record.value,
                                                  .headers = record.headers,
                                                  .id = id,
                                                  .opaque = OpaqueOf(publication)});
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) return error;
    if (Now() >= attempt_.until || stop_.stopped()) return error;
    rd_kafka_poll(rk(), kQueueFullWaitMs);
  }
}

TransactionalProducer::Failure TransactionalProducer::SendOffsets(
    const rd_kafka_consumer_group_metadata_t* metadata) {
  const PartitionListPtr offsets = ToList(attempt_.request->offsets);
  return Repeat(stop_, attempt_.until, [&] {
    return rd_kafka_send_offsets_to_transaction(rk(), offsets.get(), metadata, kSendOffsetsMs);
  });
}

TransactionalProducer::Failure TransactionalProducer::Commit() {
  attempt_.commit_tried = true;
  return Repeat(stop_, attempt_.until,
                [this] { return rd_kafka_commit_transaction(rk(), kSliceMs); });
}

TransactionalProducer::Failure TransactionalProducer::Abort() {
  return Repeat(stop_, Now() + kAbortMax,
                [this] { return rd_kafka_abort_transaction(rk(), kSliceMs); });
}

rd_kafka_topic_t* TransactionalProducer::Topic(const std::string& name) {
  TopicPtr& topic = topics_[name];
  if (topic) return topic.get();
  topic.reset(rd_kafka_topic_new(rk(), name.c_str(), nullptr));
  LookAt(topic.get());  // else the first record waits a second for the leaders
  return topic.get();
}

rd_kafka_resp_err_t TransactionalProducer::LookAt(rd_kafka_topic_t* topic) {
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto error = rd_kafka_metadata(rk(), 0, topic, &metadata, kLookAtTopicMs);
  const MetadataPtr owner(metadata);
  return error;
}

// Called on our thread, inside poll, commit and abort.
void TransactionalProducer::OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message,
                                       void* opaque) {
  if (!IsRefusal(message->err)) return;
  static_cast<TransactionalProducer*>(Client::Of(opaque).owner())
      ->Refuse(PublicationOf(*message), message->err, rd_kafka_topic_name(message->rkt),
               message->len + message->key_len);
}

// The broker refuses whole batches: the largest record is the likely reason when it is the size.
void TransactionalProducer::Refuse(size_t publication, rd_kafka_resp_err_t code,
                                   const std::string& topic, size_t bytes) {
  const bool larger = code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE &&
                      attempt_.refused_code == code && bytes > attempt_.refused_bytes;
  if (attempt_.refused && !larger) return;
  attempt_.refused = publication;
  attempt_.refused_code = code;
  attempt_.refused_topic = topic;
  attempt_.refused_bytes = bytes;
}

// Ends the transaction and tells what became of it.
void TransactionalProducer::Settle(const CallError& failure, TransactionReply* reply) {
  using Kind = CallError::Kind;
  const bool may_be_committed = attempt_.commit_tried;
  if (failure.kind == Kind::kAbortable || (stop_.stopped() && !may_be_committed)) {
    const Failure unended = Abort();
    BlameFirstOutput(failure.code);
    // After a refused batch librdkafka 2.0.2 goes on with a gap in its sequence numbers, and the
    // broker refuses the next transaction for it.
    if (unended || attempt_.refused) Renew();
    reply->result = AbortedResult(failure);
    if (unended && IsFencing(unended->code)) reply->result = TransactionResult::kFenced;
  } else {
    Renew();
    reply->result = may_be_committed ? TransactionResult::kUnknown : TransactionResult::kAborted;
    const bool lost = IsFencing(failure.code) || !may_be_committed;
    if (failure.kind == Kind::kFatal && lost) reply->result = TransactionResult::kFenced;
  }
  reply->detail = DetailOf(failure);
  if (reply->result != TransactionResult::kRefused) return;
  reply->refused_topic = attempt_.refused_topic;
  reply->refused_publication = *attempt_.refused;
}

// A topic that may not be written to is told without its name.
void TransactionalProducer::BlameFirstOutput(rd_kafka_resp_err_t code) {
  if (attempt_.refused || code != RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) return;
  const auto& publications = attempt_.request->publications;
  for (size_t i = 0; i < publications.size(); ++i) {
    commit::OutboxReader reader{Slice(publications[i]->packed)};
    const commit::OutboxRecord* record = reader.Next();
    if (record) return Refuse(i, code, reader.topics()[record->topic], 0);
  }
}

// Of a transaction that was told to be aborted. An error that came with the commit may hide that
// the commit was done; a failed delivery does not, for then the commit is never sent.
TransactionResult TransactionalProducer::AbortedResult(const CallError& failure) const {
  if (attempt_.refused) return TransactionResult::kRefused;
  if (IsExpelled(failure.code)) return TransactionResult::kFenced;
  if (attempt_.commit_tried && failure.code != RD_KAFKA_RESP_ERR__INCONSISTENT) {
    return TransactionResult::kUnknown;
  }
  return TransactionResult::kAborted;
}

std::string TransactionalProducer::DetailOf(const CallError& failure) const {
  if (!attempt_.refused) return failure.text;
  std::string detail = "output to " + attempt_.refused_topic +
                       " is refused: " + rd_kafka_err2str(attempt_.refused_code);
  if (attempt_.refused_code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
    detail += "; raise the topic's max.message.bytes or lower message.max.bytes and batch.size";
  }
  return detail;
}

}  // namespace millrace::kafka
