// SPDX-License-Identifier: Apache-2.0
#include "app/invocation_queue.h"

#include <gtest/gtest.h>

#include <future>

namespace millrace::app {
namespace {

http::InvokeErrorKind KindOf(const http::InvokeResult& result) {
  return std::get<http::InvokeError>(result).kind;
}

TEST(InvocationQueue, WhoWaitsIsToldThatThereIsNoProcess) {
  Wake wake;
  InvocationQueue queue(&wake);
  auto answer = std::async(std::launch::async, [&] { return queue.Invoke({}); });
  while (answer.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
    queue.HandTo(nullptr);
  }
  EXPECT_EQ(KindOf(answer.get()), http::InvokeErrorKind::kNotRunning);
}

TEST(InvocationQueue, NobodyWaitsOnceItIsClosed) {
  Wake wake;
  InvocationQueue queue(&wake);
  queue.Close();
  EXPECT_EQ(KindOf(queue.Invoke({})), http::InvokeErrorKind::kNotRunning);
}

}  // namespace
}  // namespace millrace::app
