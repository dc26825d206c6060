// SPDX-License-Identifier: Apache-2.0
#include "function/signature.h"

#include <gmock/gmock.h>

#include "unit/function/files.h"

namespace millrace::function {
namespace {

using ::testing::HasSubstr;

// RFC 8032, section 7.1, test 3: the message is af82. In base64, as the configuration has it.
constexpr std::string_view kMessage = "\xaf\x82";
constexpr const char* kKey = "/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=";
constexpr const char* kDerKey = "MCowBQYDK2VwAyEA/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=";
constexpr const char* kSignature =
    "YpHWV97sJAJIJ+acOr4BowzlSKKEdDpEXjaA19taw6wY/5tTjRbykK5n92CYTcZZSnwV6XFu0o3AJ77O6h7E"
    "Cg==";
// Of test 1.
constexpr const char* kOtherKey = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

class Signatures : public ::testing::Test {
 protected:
  std::string Problem(SignatureRules rules, std::string_view message = kMessage) {
    LibraryBytes library;
    library.file = directory_ / "f.so";
    library.bytes = message;
    const Status status = CheckSignature(library, rules);
    return status ? "" : status.error().message;
  }
  void Sign(std::string_view text) { WriteFile(directory_ / "f.so.sig", text); }

  TemporaryDirectory directory_;
};

TEST_F(Signatures, TheSignatureOfTheRfcIsGoodInEveryForm) {
  Sign(kSignature);
  EXPECT_EQ(Problem({.required = true, .keys = {kKey}}), "");
  EXPECT_EQ(Problem({.required = true, .keys = {kDerKey}}), "");
  EXPECT_EQ(Problem({.required = true, .keys = {kOtherKey, kKey}}), "");
  Sign(std::string(kSignature).insert(64, "\n") + "\n");
  EXPECT_EQ(Problem({.required = true, .keys = {kKey}}), "");
}

TEST_F(Signatures, AnotherLibraryOrAnotherKeyIsRefused) {
  Sign(kSignature);
  EXPECT_THAT(Problem({.required = true, .keys = {kKey}}, "\xaf\x83"),
              HasSubstr("f.so.sig is no signature of it by any of the 1 keys"));
  EXPECT_THAT(Problem({.required = true, .keys = {kOtherKey}}), HasSubstr("is no signature"));
  EXPECT_THAT(Problem({.required = false, .keys = {kOtherKey}}), HasSubstr("is no signature"))
      << "one that is there has to be right";
}

TEST_F(Signatures, AMissingOneIsRefusedOnlyWhereItIsRequired) {
  EXPECT_EQ(Problem({}), "");
  EXPECT_EQ(Problem({.required = false, .keys = {kKey}}), "");
  EXPECT_THAT(Problem({.required = true, .keys = {kKey}}),
              HasSubstr("has no signature " + directory_.path() + "/f.so.sig"));
}

TEST_F(Signatures, WhatIsNoSignatureIsToldSo) {
  for (const std::string& text : {std::string(), std::string("hello"), std::string(63, 'x'),
                                  std::string(88, '!'), std::string(4096, 'A')}) {
    Sign(text);
    EXPECT_THAT(Problem({.required = true, .keys = {kKey}}), HasSubstr("is no ed25519 signature"))
        << text.size();
  }
  Sign(std::string(64, 'x'));
  EXPECT_THAT(Problem({.required = true, .keys = {kKey}}), HasSubstr("is no signature of it"));
}

}  // namespace
}  // namespace millrace::function
