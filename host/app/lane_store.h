// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "commit/commit_store.h"
#include "state/state_reader.h"

namespace millrace::app {

// One connection to the store, whichever it is, with both of its ports. One thread, which runs the
// io_context that it was made with.
class LaneStore {
 public:
  virtual ~LaneStore() = default;
  virtual state::StateReader* reader() = 0;
  virtual commit::CommitStore* commits() = 0;
  virtual void Flush() = 0;  // sends what was started
  // What keeps the store from working; absent when nothing does.
  virtual std::optional<std::string> problem() const = 0;
  virtual std::vector<std::string> warnings() const = 0;
};

struct StoreRequest {
  boost::asio::io_context* io = nullptr;
  std::string function;
  std::vector<state::StateDecl> states;
  state::ReadView view = state::ReadView::kOwner;
};

using StoreFactory = std::function<Result<std::unique_ptr<LaneStore>>(const StoreRequest&)>;

}  // namespace millrace::app
