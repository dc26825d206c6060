// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "app/lane_store.h"
#include "base/clock.h"

namespace millrace::app {

// Stores in the Redis at `url`; every lane gets a connection of its own. kFatal: the URL is wrong.
Result<StoreFactory> RedisStores(const std::string& url, const std::string& namespace_name,
                                 const Clock* clock);

}  // namespace millrace::app
