// SPDX-License-Identifier: Apache-2.0
#pragma once

// All that a function needs: write a handler, list what it uses.
//
//   constexpr Value<int64_t> total{"total"};
//   constexpr Output totals{"totals"};
//
//   void Count(const Event& event, Context& context) {
//     const int64_t now = context[total].Or(0) + 1;
//     context[total] = now;
//     context.Emit(totals, event.key(), std::to_string(now));
//   }
//   MILLRACE_FUNCTION(Count, total, totals);
#include <millrace/abi.h>
#include <millrace/bytes.h>
#include <millrace/codec.h>
#include <millrace/config.h>
#include <millrace/context.h>
#include <millrace/event.h>
#include <millrace/note.h>
#include <millrace/outcome.h>
#include <millrace/state.h>
#include <millrace/table.h>
#include <millrace/use.h>

// MILLRACE_FUNCTION(handler, item...): once per library, at namespace scope.
//
// The handler is a free function `Outcome or void (const Event&, Context&)`, or a class with
//   Outcome or void Handle(const Event&, Context&)   one event, or
//   void HandleBatch(std::span<Item>)                many events of one partition, in order;
// and, if it wants its configuration, a constructor (const Config&) that throws to refuse it.
// The class is constructed once when the library is opened, to prove the configuration, and let go;
// then once per lane. An instance is used by one thread at a time: members need no locks, globals
// do. An exception out of the handler retries the event; see Outcome for all that can become of it.
//
// The items are the states and outputs that it uses, and what it says about itself: Name,
// StateVersion, SelfTest, SuggestedTopic.
#define MILLRACE_FUNCTION(handler, ...)                                                    \
  namespace {                                                                              \
  constexpr auto millrace_items = [] { return ::millrace::detail::Declare(__VA_ARGS__); }; \
  constexpr auto millrace_note_text = [] {                                                 \
    return ::millrace::detail::NoteText<millrace_items>(MILLRACE_LIBRARY_NAME);            \
  };                                                                                       \
  __attribute__((section(MR_NOTE_SECTION), used,                                           \
                 aligned(4))) constinit const ::millrace::detail::Note<millrace_note_text> \
      millrace_note;                                                                       \
  }                                                                                        \
  extern "C" const mr_function* millrace_function() {                                      \
    return ::millrace::detail::TableOf<handler, millrace_items>();                         \
  }                                                                                        \
  static_assert(true)
