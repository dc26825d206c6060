// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace millrace::function {

struct ProbeSettings {
  // The program and its first arguments; it has to give the three that follow, and no others, to
  // RunProbe.
  std::vector<std::string> command;
  Millis deadline{5'000};  // from its start to its end
};

// What is loaded, and what it is called in messages.
struct ProbedLibrary {
  std::string copy;  // the private copy, which no one changes
  std::string file;  // the user's
};

// A child process that loads one library as the host would, to see whether it lives through that.
// What the library does there, to memory, to threads or by ending the process, the host does not
// feel. It is no sandbox: the child has the rights of the host.
//
// The child is not forked from the host's memory but starts as a program of its own, in a process
// group of its own that is killed as a whole at its end; it dies with the thread that started it.
// One thread.
class Probe {
 public:
  // kRetriable when the system gives no process, descriptor or memory.
  static Result<std::unique_ptr<Probe>> Start(const ProbeSettings& settings, ProbedLibrary library);
  ~Probe();  // ends the child

  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  // Readable when the child has ended. Past the deadline it is Poll that ends it, so call that too
  // from time to time.
  int fd() const { return process_.get(); }

  // The outcome, once; absent while the child runs. kFatal: the library is refused, with the reason
  // (its own defect, how it ended the child, or the deadline) and what it printed.
  // kRetriable: the child did not get as far as to load it. Does not block.
  std::optional<Status> Poll(SteadyTime now);

 private:
  Probe(ProbedLibrary library, Millis allowed) : library_(std::move(library)), allowed_(allowed) {}
  int Reap();
  Status Judge(int status) const;

  ProbedLibrary library_;
  Millis allowed_;
  SteadyTime deadline_;
  bool late_ = false;  // it was ended for being so
  pid_t pid_ = -1;     // -1: ended and reaped
  UniqueFd process_;   // the child, as a descriptor
  UniqueFd marks_;     // what RunProbe tells
  UniqueFd output_;    // what the library prints, on either stream
};

}  // namespace millrace::function
