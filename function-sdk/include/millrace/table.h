// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <millrace/abi.h>
#include <millrace/config.h>
#include <millrace/context.h>
#include <millrace/declaration.h>
#include <millrace/event.h>
#include <millrace/outcome.h>

#include <concepts>
#include <cstdint>
#include <exception>
#include <span>
#include <tuple>
#include <type_traits>
#include <vector>

// The function table made from a handler class, and the fence that keeps its exceptions inside.
namespace millrace {
inline namespace sdk {
namespace detail {

// The one fence: no exception of any type leaves the library. A HostError gives the outcome of its
// status, any other exception gives `otherwise`; `report` is told why.
template <class Body, class Report>
int32_t Fence(int32_t otherwise, Body body, Report report) noexcept {
  try {
    return body();
  } catch (const HostError& error) {
    report(error.what(), error.context());
    return OutcomeOf(error.status());
  } catch (const std::exception& error) {
    report(error.what(), nullptr);
  } catch (...) {
    report("threw something that is not a std::exception", nullptr);
  }
  return otherwise;
}

template <class H>
concept HandlesEvents = requires(H handler, const Event& event, Context& context) {
  handler.Handle(event, context);
};
template <class H>
concept HandlesBatches = requires(H handler, std::span<Item> items) {
  handler.HandleBatch(items);
};

// Guaranteed elision: handlers need be neither copyable nor movable.
template <class H>
H Construct(const Config& config) {
  if constexpr (std::is_constructible_v<H, const Config&>) {
    return H(config);
  } else {
    return H();
  }
}

struct Library {
  const mr_host* host;
};

template <class H>
struct Instance {
  Instance(const mr_host* table, mr_setup* setup)
      : host(table), handler(Construct<H>(Config(table, setup))) {}

  const mr_host* host;
  H handler;
  std::vector<Item> items;  // reused from batch to batch
};

inline int32_t Settle(Context& context, const Outcome& outcome) {
  if (!outcome.reason().empty()) context.Because(outcome.reason());
  return outcome.code();
}

// Handle may return Outcome, or nothing for Done.
template <class H>
int32_t RunEvent(H& handler, const Event& event, Context& context) {
  if constexpr (std::is_void_v<decltype(handler.Handle(event, context))>) {
    handler.Handle(event, context);
    return MR_DONE;
  } else {
    return Settle(context, handler.Handle(event, context));
  }
}

template <class H>
struct Calls {
  static_assert(HandlesEvents<H> || HandlesBatches<H>,
                "a handler has Handle(const Event&, Context&) or HandleBatch(std::span<Item>)");

  // Builds a handler and lets it go: a configuration that the constructor refuses shows here.
  static int32_t Open(const mr_host* host, mr_setup* setup, void** library) {
    return Fence(
        MR_FATAL,
        [&] {
          const Instance<H> trial(host, setup);
          *library = new Library{host};
          return MR_OK;
        },
        [&](const char* why, const mr_context*) { host->refuse(setup, Bytes(why).slice()); });
  }

  static void Close(void* library) { delete static_cast<Library*>(library); }

  static int32_t Start(void* library, mr_setup* setup, void** instance) {
    const mr_host* host = static_cast<Library*>(library)->host;
    return Fence(
        MR_FATAL,
        [&] {
          *instance = new Instance<H>(host, setup);
          return MR_OK;
        },
        [&](const char* why, const mr_context*) { host->refuse(setup, Bytes(why).slice()); });
  }

  static void Stop(void* instance) {
    Fence(
        MR_FATAL,
        [&] {
          delete static_cast<Instance<H>*>(instance);
          return MR_OK;
        },
        [](const char*, const mr_context*) {});
  }

  static int32_t Handle(void* instance, mr_context* raw, const mr_event* event) {
    int32_t outcome = MR_FATAL;
    if constexpr (HandlesEvents<H>) {
      auto& self = *static_cast<Instance<H>*>(instance);
      Context context(self.host, raw);
      outcome = Fence(
          MR_RETRY, [&] { return RunEvent(self.handler, Event(event), context); },
          [&](const char* why, const mr_context*) { context.Because(why); });
    } else {
      HandleBatch(instance, 1, &raw, &event, &outcome);
    }
    return outcome;
  }

  // An exception out of HandleBatch fails the whole batch: the event whose host call failed gets
  // that outcome, the others are retried.
  static void HandleBatch(void* instance, uint64_t count, mr_context* const* contexts,
                          const mr_event* const* events, int32_t* outcomes) {
    auto& self = *static_cast<Instance<H>*>(instance);
    const mr_context* guilty = nullptr;
    const int32_t status = Fence(
        MR_RETRY, [&] { return RunBatch(self, count, contexts, events, outcomes); },
        [&](const char* why, const mr_context* context) {
          guilty = context;
          for (uint64_t i = 0; i < count; ++i) Context(self.host, contexts[i]).Because(why);
        });
    if (status == MR_DONE) return;
    for (uint64_t i = 0; i < count; ++i) {
      outcomes[i] = guilty == nullptr || guilty == contexts[i] ? status : MR_RETRY;
    }
  }

  static int32_t RunBatch(Instance<H>& self, uint64_t count, mr_context* const* contexts,
                          const mr_event* const* events, int32_t* outcomes) {
    self.items.clear();
    for (uint64_t i = 0; i < count; ++i) {
      self.items.push_back({Event(events[i]), Context(self.host, contexts[i])});
    }
    if constexpr (HandlesBatches<H>) self.handler.HandleBatch(std::span<Item>(self.items));
    for (uint64_t i = 0; i < count; ++i) {
      outcomes[i] = Settle(self.items[i].context, self.items[i].outcome);
    }
    return MR_DONE;
  }
};

// A handler that is one free function.
template <auto F>
struct Plain {
  auto Handle(const Event& event, Context& context) const { return F(event, context); }
};

template <auto Items>
constexpr SelfTest SelfTestOf() {
  SelfTest found;
  [[maybe_unused]] const auto look = [&](const auto& item) {
    if constexpr (std::is_same_v<std::decay_t<decltype(item)>, SelfTest>) {
      if (found.test) throw "SelfTest is listed twice";  // an error of the compiler
      found = item;
    }
  };
  std::apply([&](const auto&... item) { (look(item), ...); }, Items());
  return found;
}

template <auto Items>
int32_t RunSelfTest(const mr_host* host, mr_setup* setup) {
  return Fence(
      MR_FATAL,
      [] {
        SelfTestOf<Items>().test();
        return MR_OK;
      },
      [&](const char* why, const mr_context*) { host->refuse(setup, Bytes(why).slice()); });
}

template <class H, auto Items>
struct Table {
  static constexpr mr_function kTable{sizeof(mr_function),
                                      MR_ABI_MAJOR,
                                      MR_ABI_MINOR,
                                      static_cast<uint32_t>(Declaration<Items>::kUses.size()),
                                      Declaration<Items>::kUses.data(),
                                      &Calls<H>::Open,
                                      &Calls<H>::Close,
                                      &Calls<H>::Start,
                                      &Calls<H>::Stop,
                                      &Calls<H>::Handle,
                                      HandlesBatches<H> ? &Calls<H>::HandleBatch : nullptr,
                                      SelfTestOf<Items>().test ? &RunSelfTest<Items> : nullptr};
};

// Of a handler class, or of a free function.
template <class H, auto Items>
constexpr const mr_function* TableOf() {
  return &Table<H, Items>::kTable;
}
template <auto F, auto Items>
constexpr const mr_function* TableOf() {
  return &Table<Plain<F>, Items>::kTable;
}

}  // namespace detail
}  // namespace sdk
}  // namespace millrace
