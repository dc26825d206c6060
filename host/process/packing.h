// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/pfr/core.hpp>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace millrace::process {

// Values as bytes, for another process of the same program: numbers as this machine has them,
// containers with their size before them, aggregates member by member, so that none is forgotten.
// There is no version: both sides are one binary.
class Packer {
 public:
  explicit Packer(std::string* to) : to_(to) {}

  template <class T>
  void Put(const T& value);

 private:
  void PutBytes(const void* bytes, size_t size) {
    to_->append(static_cast<const char*>(bytes), size);
  }
  std::string* to_;
};

// Reads what a Packer wrote, without trust: what does not fit gives false, and takes no more memory
// than a small multiple of what is there.
class Unpacker {
 public:
  explicit Unpacker(std::string_view from) : from_(from) {}
  bool at_end() const { return from_.empty(); }

  template <class T>
  [[nodiscard]] bool Take(T* value);

 private:
  bool TakeBytes(void* bytes, size_t size) {
    if (from_.size() < size) return false;
    from_.copy(static_cast<char*>(bytes), size);
    from_.remove_prefix(size);
    return true;
  }
  template <class Variant, size_t at = 0>
  bool TakeVariant(size_t index, Variant* value);

  std::string_view from_;
};

namespace packing {

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsMap : std::false_type {};
template <class K, class V>
struct IsMap<std::map<K, V>> : std::true_type {};
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsVariant : std::false_type {};
template <class... T>
struct IsVariant<std::variant<T...>> : std::true_type {};
template <class T>
struct IsDuration : std::false_type {};
template <class R, class P>
struct IsDuration<std::chrono::duration<R, P>> : std::true_type {};

template <class T>
concept Number = std::is_arithmetic_v<T> || std::is_enum_v<T>;

}  // namespace packing

template <class T>
void Packer::Put(const T& value) {
  if constexpr (packing::Number<T>) {
    PutBytes(&value, sizeof value);
  } else if constexpr (packing::IsDuration<T>::value) {
    Put(value.count());
  } else if constexpr (std::is_same_v<T, std::string>) {
    Put(value.size());
    PutBytes(value.data(), value.size());
  } else if constexpr (packing::IsVector<T>::value) {
    Put(value.size());
    for (const auto& element : value) Put(element);
  } else if constexpr (packing::IsMap<T>::value) {
    Put(value.size());
    for (const auto& [key, element] : value) {
      Put(key);
      Put(element);
    }
  } else if constexpr (packing::IsOptional<T>::value) {
    Put(value.has_value());
    if (value) Put(*value);
  } else if constexpr (packing::IsVariant<T>::value) {
    Put(value.index());
    std::visit([this](const auto& one) { this->Put(one); }, value);
  } else {
    static_assert(std::is_aggregate_v<T>);
    boost::pfr::for_each_field(value, [this](const auto& member) { this->Put(member); });
  }
}

template <class Variant, size_t at>
bool Unpacker::TakeVariant(size_t index, Variant* value) {
  if constexpr (at < std::variant_size_v<Variant>) {
    if (index != at) return TakeVariant<Variant, at + 1>(index, value);
    return Take(&value->template emplace<at>());
  }
  return false;
}

template <class T>
bool Unpacker::Take(T* value) {
  if constexpr (std::is_same_v<T, bool>) {
    uint8_t byte = 0;
    if (!Take(&byte)) return false;
    *value = byte != 0;
    return byte <= 1;
  } else if constexpr (packing::Number<T>) {
    return TakeBytes(value, sizeof *value);
  } else if constexpr (packing::IsDuration<T>::value) {
    typename T::rep count = 0;
    if (!Take(&count)) return false;
    *value = T(count);
    return true;
  } else if constexpr (std::is_same_v<T, std::string>) {
    size_t size = 0;
    if (!Take(&size) || size > from_.size()) return false;
    value->assign(from_.substr(0, size));
    from_.remove_prefix(size);
    return true;
  } else if constexpr (packing::IsVector<T>::value) {
    size_t size = 0;
    // No element is empty: there are no more of them than bytes.
    if (!Take(&size) || size > from_.size()) return false;
    for (; size > 0; --size) {
      if (!Take(&value->emplace_back())) return false;
    }
    return true;
  } else if constexpr (packing::IsMap<T>::value) {
    size_t size = 0;
    if (!Take(&size) || size > from_.size()) return false;
    for (; size > 0; --size) {
      typename T::key_type key;
      if (!Take(&key) || !Take(&(*value)[std::move(key)])) return false;
    }
    return true;
  } else if constexpr (packing::IsOptional<T>::value) {
    bool there = false;
    if (!Take(&there)) return false;
    return !there || Take(&value->emplace());
  } else if constexpr (packing::IsVariant<T>::value) {
    size_t index = 0;
    return Take(&index) && TakeVariant(index, value);
  } else {
    static_assert(std::is_aggregate_v<T>);
    bool whole = true;
    boost::pfr::for_each_field(*value, [&](auto& member) { whole = whole && Take(&member); });
    return whole;
  }
}

template <class T>
std::string Pack(const T& value) {
  std::string packed;
  Packer(&packed).Put(value);
  return packed;
}

// Absent: these are not the bytes of a T.
template <class T>
std::optional<T> Unpack(std::string_view packed) {
  std::optional<T> value(std::in_place);
  Unpacker from(packed);
  if (!from.Take(&*value) || !from.at_end()) return std::nullopt;
  return value;
}

}  // namespace millrace::process
