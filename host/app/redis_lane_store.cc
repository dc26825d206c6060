// SPDX-License-Identifier: Apache-2.0
#include "app/redis_lane_store.h"

#include "redis/redis_store.h"

namespace millrace::app {
namespace {

class RedisLaneStore final : public LaneStore {
 public:
  RedisLaneStore(std::unique_ptr<redis::RedisStore> store, std::string where)
      : store_(std::move(store)), where_(std::move(where)) {}

  state::StateReader* reader() override { return store_.get(); }
  commit::CommitStore* commits() override { return store_.get(); }
  void Flush() override { store_->Flush(); }
  std::optional<std::string> problem() const override {
    if (const auto refusal = store_->refusal()) return refusal->message;
    if (store_->connected()) return std::nullopt;
    const std::string& why = store_->last_error();
    return why.empty() ? where_ + ": connecting" : why;
  }
  std::vector<std::string> warnings() const override { return store_->warnings(); }

 private:
  std::unique_ptr<redis::RedisStore> store_;
  std::string where_;
};

}  // namespace

Result<StoreFactory> RedisStores(const std::string& url, const std::string& namespace_name,
                                 const Clock* clock) {
  auto parsed = redis::ParseRedisUrl(url);
  if (!parsed) return parsed.error();
  return StoreFactory([where = *parsed, namespace_name,
                       clock](const StoreRequest& request) -> Result<std::unique_ptr<LaneStore>> {
    redis::RedisStoreOptions options{.url = where,
                                     .ca_file = {},
                                     .name_space = namespace_name,
                                     .function = request.function,
                                     .states = request.states,
                                     .view = request.view,
                                     .times = {},
                                     .on_progress = {}};
    auto store = redis::RedisStore::Create(request.io, clock, std::move(options));
    if (!store) return store.error();
    return std::unique_ptr<LaneStore>(
        std::make_unique<RedisLaneStore>(*std::move(store), where.Printable()));
  });
}

}  // namespace millrace::app
