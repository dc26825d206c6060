// SPDX-License-Identifier: Apache-2.0
#include "config/text.h"

#include <array>
#include <charconv>
#include <chrono>
#include <utility>

namespace millrace::config {
namespace {

struct Unit {
  std::string_view name;
  int64_t factor;
};
constexpr std::array<Unit, 4> kDurations{{{"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr std::array<Unit, 4> kSizes{
    {{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

size_t CountDigits(std::string_view text) {
  size_t count = 0;
  while (count < text.size() && IsDigit(text[count])) ++count;
  return count;
}

template <size_t N>
std::optional<int64_t> ParseWithUnit(std::string_view text, const std::array<Unit, N>& units) {
  const size_t digits = CountDigits(text);
  const auto number = ParseInteger(text.substr(0, digits));
  if (digits == 0 || !number) return std::nullopt;
  for (const Unit& unit : units) {
    int64_t product = 0;
    if (text.substr(digits) != unit.name) continue;
    if (__builtin_mul_overflow(*number, unit.factor, &product)) return std::nullopt;
    return product;
  }
  return std::nullopt;
}

template <size_t N>
std::string FormatWithUnit(int64_t value, const std::array<Unit, N>& units) {
  for (const Unit& unit : units) {
    if (value % unit.factor == 0 && (value != 0 || unit.factor == 1)) {
      return std::to_string(value / unit.factor) + std::string(unit.name);
    }
  }
  return std::to_string(value);
}

// Takes `width` digits off the front; false when they are not there.
bool TakeDigits(std::string_view* text, size_t width, int* value) {
  if (CountDigits(text->substr(0, width)) != width || text->size() < width) return false;
  std::from_chars(text->data(), text->data() + width, *value);
  text->remove_prefix(width);
  return true;
}

bool Take(std::string_view* text, std::string_view any_of) {
  if (text->empty() || any_of.find(text->front()) == std::string_view::npos) return false;
  text->remove_prefix(1);
  return true;
}

std::optional<std::chrono::milliseconds> TakeDate(std::string_view* text) {
  int year = 0, month = 0, day = 0;
  const bool there = TakeDigits(text, 4, &year) && Take(text, "-") && TakeDigits(text, 2, &month) &&
                     Take(text, "-") && TakeDigits(text, 2, &day);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!there || !date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch();
}

std::optional<std::chrono::milliseconds> TakeTimeOfDay(std::string_view* text) {
  int hour = 0, minute = 0, second = 0, ms = 0;
  const bool there = TakeDigits(text, 2, &hour) && Take(text, ":") &&
                     TakeDigits(text, 2, &minute) && Take(text, ":") &&
                     TakeDigits(text, 2, &second);
  if (!there || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  if (Take(text, ".")) {
    const size_t digits = CountDigits(*text);
    if (digits == 0) return std::nullopt;
    for (size_t i = 0; i < 3; ++i) ms = ms * 10 + (i < digits ? (*text)[i] - '0' : 0);
    text->remove_prefix(digits);
  }
  return std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second) +
         std::chrono::milliseconds(ms);
}

std::optional<std::chrono::milliseconds> TakeZone(std::string_view* text) {
  if (Take(text, "Zz")) return std::chrono::milliseconds(0);
  if (text->empty()) return std::nullopt;
  const int sign = text->front() == '-' ? -1 : 1;
  int hours = 0, minutes = 0;
  const bool there = Take(text, "+-") && TakeDigits(text, 2, &hours) && Take(text, ":") &&
                     TakeDigits(text, 2, &minutes);
  if (!there || hours > 23 || minutes > 59) return std::nullopt;
  return sign * (std::chrono::hours(hours) + std::chrono::minutes(minutes));
}

std::optional<std::string> NumberOfBase(std::string_view digits, int base) {
  uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, base);
  if (digits.empty() || error != std::errc() || stop != end) return std::nullopt;
  return std::to_string(value);
}

std::string_view WithoutLeadingZeros(std::string_view digits) {
  while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
  return digits;
}

}  // namespace

std::optional<int64_t> ParseInteger(std::string_view text) {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::optional<double> ParseDecimal(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  const bool whole = !text.empty() && error == std::errc() && stop == end;
  return whole && value >= 0 ? std::optional(value) : std::nullopt;
}

std::optional<int64_t> ParseDurationMs(std::string_view text) {
  return ParseWithUnit(text, kDurations);
}

std::optional<int64_t> ParseSizeBytes(std::string_view text) { return ParseWithUnit(text, kSizes); }

std::optional<int64_t> ParseTimestampMs(std::string_view text) {
  const auto date = TakeDate(&text);
  if (!date || !Take(&text, "Tt ")) return std::nullopt;
  const auto time = TakeTimeOfDay(&text);
  if (!time) return std::nullopt;
  const auto zone = TakeZone(&text);
  if (!zone || !text.empty()) return std::nullopt;
  const int64_t ms = (*date + *time - *zone).count();
  return ms < 0 ? std::nullopt : std::optional(ms);
}

std::optional<bool> ParseTruth(std::string_view text) {
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  return std::nullopt;
}

std::string FormatDuration(int64_t ms) { return FormatWithUnit(ms, kDurations); }
std::string FormatSize(int64_t bytes) { return FormatWithUnit(bytes, kSizes); }

std::optional<std::string> JsonNumber(std::string_view text) {
  if (text.starts_with("0x")) return NumberOfBase(text.substr(2), 16);
  if (text.starts_with("0o")) return NumberOfBase(text.substr(2), 8);
  std::string json = text.starts_with('-') ? "-" : "";
  Take(&text, "+-");
  const std::string_view whole = text.substr(0, CountDigits(text));
  text.remove_prefix(whole.size());
  std::string_view fraction;
  if (Take(&text, ".")) {
    fraction = text.substr(0, CountDigits(text));
    text.remove_prefix(fraction.size());
  }
  if (whole.empty() && fraction.empty()) return std::nullopt;
  json += whole.empty() ? "0" : WithoutLeadingZeros(whole);
  if (!fraction.empty()) json += "." + std::string(fraction);
  if (text.empty()) return json;
  std::string_view exponent = text;
  if (!Take(&exponent, "eE")) return std::nullopt;
  Take(&exponent, "+-");
  if (exponent.empty() || CountDigits(exponent) != exponent.size()) return std::nullopt;
  return json + std::string(text);
}

bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80   ? 1
                          : lead < 0xc2 ? 0
                          : lead < 0xe0 ? 2
                          : lead < 0xf0 ? 3
                          : lead < 0xf5 ? 4
                                        : 0;
    if (length == 0 || i + length > text.size()) return false;
    uint32_t code = length == 1 ? lead : lead & (0xff >> (length + 1));
    for (size_t j = 1; j < length; ++j) {
      const auto next = static_cast<unsigned char>(text[i + j]);
      if ((next & 0xc0) != 0x80) return false;
      code = code << 6 | (next & 0x3f);
    }
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    if (overlong || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
    i += length;
  }
  return true;
}

std::string Quoted(std::string_view text) {
  constexpr size_t kShownBytesMax = 64;
  if (text.size() <= kShownBytesMax) return "\"" + std::string(text) + "\"";
  size_t end = kShownBytesMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return "\"" + std::string(text.substr(0, end)) + "…\"";
}

}  // namespace millrace::config
