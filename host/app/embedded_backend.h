// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <set>
#include <string>

#include "app/lane_store.h"
#include "base/logger.h"
#include "embedded/memory_store.h"
#include "embedded/mock_cluster.h"
#include "model/function_spec.h"

namespace millrace::app {

// What `millrace dev` runs on: a broker and a store inside this process. Nothing outlives it, and
// no guarantee is tested on it.
class EmbeddedBackend {
 public:
  static Result<std::unique_ptr<EmbeddedBackend>> Start(Logger* log);

  const std::string& bootstrap() const { return cluster_->bootstrap(); }
  StoreFactory Stores(const std::string& namespace_name);
  // Every input and output topic of the function, with 4 partitions.
  void CreateTopics(const FunctionSpec& spec, Logger* log);

 private:
  EmbeddedBackend() = default;

  std::unique_ptr<embedded::MockCluster> cluster_;
  std::shared_ptr<embedded::MemoryStore> memory_;
};

}  // namespace millrace::app
