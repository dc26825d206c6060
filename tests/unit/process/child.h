// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <string>

namespace millrace::process {

// What a system call came to: "done", or the name of its error.
inline std::string Outcome(long result) { return result == -1 ? ::strerrorname_np(errno) : "done"; }

struct ChildEnd {
  std::string said;
  int status;
};

// Runs `body` in a child of this process, which has no other thread; what it says comes back.
inline ChildEnd RunChild(const std::function<std::string()>& body) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    const std::string said = body();
    ::_exit(::write(ends[1], said.data(), said.size()) < 0 ? 1 : 0);
  }
  ::close(ends[1]);
  ChildEnd end{};
  char bytes[4096];
  for (ssize_t got; (got = ::read(ends[0], bytes, sizeof(bytes))) > 0;)
    end.said.append(bytes, static_cast<size_t>(got));
  ::close(ends[0]);
  EXPECT_EQ(::waitpid(child, &end.status, 0), child);
  return end;
}

// Of a child that must not end by a signal.
inline std::string Said(const std::function<std::string()>& body) {
  const ChildEnd end = RunChild(body);
  EXPECT_TRUE(WIFEXITED(end.status)) << "signal " << WTERMSIG(end.status);
  return end.said;
}

}  // namespace millrace::process
