// SPDX-License-Identifier: Apache-2.0
#include "app/embedded_backend.h"

#include <boost/asio/post.hpp>

namespace millrace::app {
namespace {

class MemoryLaneStore final : public LaneStore {
 public:
  MemoryLaneStore(boost::asio::io_context* io, std::unique_ptr<embedded::MemoryStorePort> port)
      : io_(io), port_(std::move(port)) {}

  state::StateReader* reader() override { return port_.get(); }
  commit::CommitStore* commits() override { return port_.get(); }
  // Answers are there at once: whoever waits on the io_context must look again.
  void Flush() override {
    if (port_->has_answers()) boost::asio::post(*io_, [] {});
  }
  std::optional<std::string> problem() const override { return std::nullopt; }
  std::vector<std::string> warnings() const override { return {}; }

 private:
  boost::asio::io_context* io_;
  std::unique_ptr<embedded::MemoryStorePort> port_;
};

}  // namespace

Result<std::unique_ptr<EmbeddedBackend>> EmbeddedBackend::Start(Logger* log) {
  std::unique_ptr<EmbeddedBackend> backend(new EmbeddedBackend);
  auto cluster = embedded::MockCluster::Start(log);
  if (!cluster) return cluster.error();
  backend->cluster_ = *std::move(cluster);
  backend->memory_ = std::make_shared<embedded::MemoryStore>();
  return backend;
}

StoreFactory EmbeddedBackend::Stores(const std::string& namespace_name) {
  return [memory = memory_,
          namespace_name](const StoreRequest& request) -> Result<std::unique_ptr<LaneStore>> {
    return std::unique_ptr<LaneStore>(std::make_unique<MemoryLaneStore>(
        request.io, embedded::MemoryStore::Open(memory, namespace_name, request.function,
                                                request.states, request.view)));
  };
}

void EmbeddedBackend::CreateTopics(const FunctionSpec& spec, Logger* log) {
  std::set<std::string> topics;
  for (const KafkaTrigger& trigger : spec.triggers) {
    topics.insert(trigger.topics.begin(), trigger.topics.end());
  }
  for (const auto& [name, topic] : spec.outputs) topics.insert(topic);
  for (const std::string& topic : topics) {
    if (const Status created = cluster_->CreateTopic(topic); !created) {
      log->Error(created.error().message);
    }
  }
}

}  // namespace millrace::app
