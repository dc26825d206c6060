// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace::http {

// Whether JSON can hold the bytes as they are: well-formed UTF-8, no surrogates, no overlong forms.
bool IsUtf8(std::string_view bytes);

// The text with every byte that is not part of well-formed UTF-8 replaced by U+FFFD.
std::string ToUtf8(std::string_view bytes);

// RFC 4648 with padding. Decoding is strict: none on a stray character, missing padding or bits
// after the end.
std::string EncodeBase64(std::string_view bytes);
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace millrace::http
