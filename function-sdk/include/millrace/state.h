// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <millrace/abi.h>
#include <millrace/bytes.h>
#include <millrace/codec.h>
#include <millrace/outcome.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {
inline namespace sdk {
namespace detail {

// One state at one key; kNull is the event's own. Throws HostError where the host refuses.
class Cell {
 public:
  Cell(const mr_host* host, mr_context* context, uint32_t id, Bytes key)
      : host_(host), context_(context), id_(id), key_(key) {}

  Bytes Get(Bytes field) const {
    mr_slice out{};
    const int32_t status = host_->get(context_, id_, key_.slice(), field.slice(), &out);
    return Check(status, context_) == MR_ABSENT ? Bytes(kNull) : Bytes(out);
  }
  void Put(Bytes field, Bytes value) const {
    Check(host_->put(context_, id_, key_.slice(), field.slice(), value.slice()), context_);
  }
  uint64_t Scan(Bytes after, mr_entry* page, uint64_t max) const {
    uint64_t count = 0;
    Check(host_->scan(context_, id_, key_.slice(), after.slice(), page, max, &count), context_);
    return count;
  }

 private:
  const mr_host* host_;
  mr_context* context_;
  uint32_t id_;
  Bytes key_;
};

}  // namespace detail

// The T of one key, got from context[state] or context.At(state, key). Reads see what this event
// and the events before it wrote. Use it at once; it is a view of the context.
template <class T>
class ValueRef {
 public:
  explicit ValueRef(detail::Cell cell) : cell_(cell) {}
  ValueRef(const ValueRef&) = default;
  ValueRef& operator=(const ValueRef&) = delete;  // neither rebinds nor copies a T in silence

  std::optional<T> Get() const {
    const Bytes bytes = cell_.Get(kNull);
    if (bytes.is_null()) return std::nullopt;
    return Codec<T>::Decode(bytes.view());
  }
  T Or(T otherwise) const { return Get().value_or(std::move(otherwise)); }

  void operator=(const T& value) {
    const auto& bytes = Codec<T>::Encode(value);
    cell_.Put(kNull, std::string_view(bytes));
  }
  void Erase() { cell_.Put(kNull, kNull); }

 private:
  detail::Cell cell_;
};

// The map of one key. Entries come in the byte order of the encoded field.
template <class K, class V>
class MapRef {
 public:
  explicit MapRef(detail::Cell cell) : cell_(cell) {}

  std::optional<V> Get(const K& field) const {
    const Bytes bytes = Find(field);
    if (bytes.is_null()) return std::nullopt;
    return Codec<V>::Decode(bytes.view());
  }
  V Or(const K& field, V otherwise) const { return Get(field).value_or(std::move(otherwise)); }
  bool Contains(const K& field) const { return !Find(field).is_null(); }

  void Put(const K& field, const V& value) {
    const auto& name = Codec<K>::Encode(field);
    const auto& bytes = Codec<V>::Encode(value);
    cell_.Put(std::string_view(name), std::string_view(bytes));
  }
  void Erase(const K& field) {
    const auto& name = Codec<K>::Encode(field);
    cell_.Put(std::string_view(name), kNull);
  }
  void EraseAll() { cell_.Put(kNull, kNull); }

  // A copy, so that the map may be changed while walking it.
  std::vector<std::pair<K, V>> Entries() const {
    std::vector<std::pair<K, V>> all;
    mr_entry page[kPageEntries];
    Bytes after = kNull;
    uint64_t count = kPageEntries;
    while (count == kPageEntries) {
      count = cell_.Scan(after, page, kPageEntries);
      for (uint64_t i = 0; i < count; ++i) {
        all.emplace_back(Codec<K>::Decode(Bytes(page[i].field).view()),
                         Codec<V>::Decode(Bytes(page[i].value).view()));
        after = Bytes(page[i].field);
      }
    }
    return all;
  }

 private:
  static constexpr uint64_t kPageEntries = 64;

  Bytes Find(const K& field) const {
    const auto& name = Codec<K>::Encode(field);
    return cell_.Get(std::string_view(name));
  }

  detail::Cell cell_;
};

}  // namespace sdk
}  // namespace millrace
