// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::config {

// How settings are written as text. All are pure; absent = not of that form or out of the type's
// range.

std::optional<int64_t> ParseInteger(std::string_view text);      // decimal, optional minus
std::optional<double> ParseDecimal(std::string_view text);       // from 0 on: 0.05, 0, 1.5
std::optional<int64_t> ParseDurationMs(std::string_view text);   // 250ms, 5s, 1m, 1h; unit needed
std::optional<int64_t> ParseSizeBytes(std::string_view text);    // 4096, 64KiB, 1MiB, 1GiB
std::optional<int64_t> ParseTimestampMs(std::string_view text);  // RFC 3339, from 1970 on
std::optional<bool> ParseTruth(std::string_view text);           // true, True, TRUE, false, …

std::string FormatDuration(int64_t ms);  // in the largest unit that is exact
std::string FormatSize(int64_t bytes);   // likewise

// The text as a JSON number with the same value, when YAML 1.2 reads it as a number that JSON can
// hold: 0x1F → 31, .5 → 0.5, +07 → 7. Digits are kept, so no precision is lost.
std::optional<std::string> JsonNumber(std::string_view text);

bool IsUtf8(std::string_view text);
std::string Quoted(std::string_view text);  // in double quotes, shortened to 64 bytes

}  // namespace millrace::config
