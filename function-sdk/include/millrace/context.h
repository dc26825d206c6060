// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <millrace/abi.h>
#include <millrace/bytes.h>
#include <millrace/event.h>
#include <millrace/outcome.h>
#include <millrace/state.h>
#include <millrace/use.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {
inline namespace sdk {

enum class Level : uint32_t { kDebug = 0, kInfo = 1, kWarning = 2, kError = 3 };

struct EmitOptions {
  std::optional<int32_t> partition{};  // default: murmur2 of the key, as Java's clients
  std::optional<Millis> time{};        // default: the event's
  std::vector<Header> headers{};
};

// The effects of one event, collected by the host and applied only if the event is Done. Valid
// until the handler returns; used on the handler's thread. A call that the host refuses throws
// HostError: let it pass, the event fails either way.
class Context {
 public:
  Context(const mr_host* host, mr_context* context) : host_(host), context_(context) {}

  // State of the event's own key. An event without a key has none.
  template <class T>
  ValueRef<T> operator[](const Value<T>& state) {
    return ValueRef<T>(CellOf(state.id, kNull));
  }
  template <class K, class V>
  MapRef<K, V> operator[](const Map<K, V>& state) {
    return MapRef<K, V>(CellOf(state.id, kNull));
  }

  // State of another key, kept with the event's partition.
  template <class T>
  ValueRef<T> At(const Value<T>& state, std::string_view key) {
    return ValueRef<T>(CellOf(state.id, key));
  }
  template <class K, class V>
  MapRef<K, V> At(const Map<K, V>& state, std::string_view key) {
    return MapRef<K, V>(CellOf(state.id, key));
  }

  // kNull as key writes a record without one, kNull as value a tombstone.
  void Emit(const Output& output, Bytes key, Bytes value, const EmitOptions& options = {}) {
    std::vector<mr_header> headers;
    for (const Header& header : options.headers) {
      headers.push_back({Bytes(header.name).slice(), header.value.slice()});
    }
    const mr_record record{key.slice(),
                           value.slice(),
                           headers.data(),
                           headers.size(),
                           options.time ? options.time->count() : -1,
                           options.partition.value_or(-1),
                           0};
    detail::Check(host_->emit(context_, output.id, &record), context_);
  }

  // A log line; the host adds the event's coordinates and limits how many there are.
  void Log(Level level, std::string_view text) {
    host_->log(context_, static_cast<uint32_t>(level), Bytes(text).slice());
  }

  // The event's time, the same on every re-run. Read no other clock.
  Millis Now() const { return Millis(host_->now_ms(context_)); }

  // The next of the event's random numbers: the same ones on every re-run. Not for secrets.
  uint64_t Random() const {
    if (host_->size < offsetof(mr_host, random) + sizeof host_->random) {
      detail::Check(MR_UNSUPPORTED, context_);
    }
    return host_->random(context_);
  }

  // The next two of them as a UUID of version 8 (RFC 9562, section 5.8), in lower case. Distinct
  // among the events of a function; the same event gives the same ones again, also in another
  // cluster whose function and topic have the same names.
  std::string Uuid() const {
    constexpr char kDigits[] = "0123456789abcdef";
    const uint64_t high = (Random() & ~uint64_t{0xf000}) | 0x8000;
    const uint64_t low = (Random() & ~(uint64_t{3} << 62)) | (uint64_t{2} << 62);
    std::string text;
    for (int i = 0; i < 32; ++i) {
      if (i == 8 || i == 12 || i == 16 || i == 20) text += '-';
      text += kDigits[((i < 16 ? high : low) >> (60 - 4 * (i % 16))) & 0xf];
    }
    return text;
  }

  // Why the outcome is not Done; what Outcome's reasons are handed to the host with.
  void Because(std::string_view reason) { host_->because(context_, Bytes(reason).slice()); }

  const mr_context* raw() const { return context_; }

 private:
  detail::Cell CellOf(uint32_t id, Bytes key) const { return {host_, context_, id, key}; }

  const mr_host* host_;
  mr_context* context_;
};

// One event of a batch. The outcome is Done until the handler sets another.
struct Item {
  Event event;
  Context context;
  Outcome outcome = Outcome::Done();
};

}  // namespace sdk
}  // namespace millrace
