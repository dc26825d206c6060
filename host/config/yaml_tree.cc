// SPDX-License-Identifier: Apache-2.0
#include "config/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <exception>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "config/text.h"

namespace millrace::config {
namespace {

At ToAt(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

// Ends the parse from inside the handler; `at` and `what` are what to report.
struct Abort {
  At at;
  std::string what;
};

// Builds the tree from parse events. Recursion is the parser's, and bounded by kDepthMax.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, Report* report) : text_(text), report_(report) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    // The parser takes any stray closing bracket for one more document, without end.
    const size_t begin = static_cast<size_t>(mark.pos);
    if (documents_begun_++ > 0 && text_.substr(begin, 3) != "---") {
      throw Abort{ToAt(mark), "text after the end of the document; begin the next one with ---"};
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { Complete(NewNode(mark)); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    report_->Invalid(ToAt(mark), "aliases (*name) are not supported; write the value again");
    Node node = NewNode(mark);
    node.kind = Node::Kind::kFailed;
    Complete(std::move(node));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    Node node = NewNode(mark);
    node.kind = Node::Kind::kScalar;
    node.text = value;
    node.plain = tag == "?";
    if (RefuseTag(node.at, tag)) node.kind = Node::Kind::kFailed;
    if (value.find('\0') != std::string::npos) {
      report_->Invalid(node.at, "a value must not hold a NUL character");
      node.kind = Node::Kind::kFailed;
    }
    Complete(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Begin(mark, tag, Node::Kind::kSequence);
  }
  void OnSequenceEnd() override { End(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    Begin(mark, tag, Node::Kind::kMap);
  }
  void OnMapEnd() override { End(); }

  std::vector<Node> TakeDocuments() { return std::move(documents_); }

 private:
  struct Frame {
    Node node;
    std::optional<Node> key;                      // read, its value not yet
    std::map<std::string, At, std::less<>> seen;  // keys without #env and #file
  };

  Node NewNode(const YAML::Mark& mark) {
    if (++nodes_ > kNodesMax) {
      throw Abort{ToAt(mark), "the file holds more than " + std::to_string(kNodesMax) + " values"};
    }
    Node node;
    node.at = ToAt(mark);
    return node;
  }

  bool RefuseTag(At at, const std::string& tag) {
    if (tag == "?" || tag == "!" || tag.empty()) return false;
    report_->Invalid(at, "tags (!name) are not supported; quote a value to make it text");
    return true;
  }

  void Begin(const YAML::Mark& mark, const std::string& tag, Node::Kind kind) {
    if (open_.size() >= kDepthMax) {
      throw Abort{ToAt(mark), "nested deeper than " + std::to_string(kDepthMax) + " levels"};
    }
    Frame frame{NewNode(mark), std::nullopt, {}};
    frame.node.kind = kind;
    RefuseTag(frame.node.at, tag);
    open_.push_back(std::move(frame));
  }

  void End() {
    Node node = std::move(open_.back().node);
    open_.pop_back();
    Complete(std::move(node));
  }

  void Complete(Node node) {
    if (open_.empty()) {
      if (node.kind != Node::Kind::kNull) documents_.push_back(std::move(node));
      return;
    }
    Frame& frame = open_.back();
    if (frame.node.kind == Node::Kind::kSequence) {
      frame.node.items.push_back(std::move(node));
    } else if (!frame.key) {
      frame.key = std::move(node);
    } else {
      AddEntry(&frame, std::move(node));
    }
  }

  void AddEntry(Frame* frame, Node value) {
    const Node key = std::move(*frame->key);
    frame->key.reset();
    if (key.kind == Node::Kind::kFailed) return;
    if (key.kind != Node::Kind::kScalar || key.text.empty()) {
      report_->Invalid(key.at, "a key must be a word, not empty, a list or a map");
      return;
    }
    if (key.text == "<<" && key.plain) {
      report_->Invalid(key.at, "merge keys (<<) are not supported; write the settings again");
      return;
    }
    const std::string base(BaseKey(key.text));
    const auto [first, added] = frame->seen.emplace(base, key.at);
    if (!added) {
      report_->Invalid(key.at, "duplicate key " + Quoted(base) + ", given before in line " +
                                   std::to_string(first->second.line));
      return;
    }
    frame->node.entries.push_back({key.text, key.at, std::move(value)});
  }

  std::string_view text_;
  Report* report_;
  size_t documents_begun_ = 0;
  size_t nodes_ = 0;
  std::vector<Frame> open_;
  std::vector<Node> documents_;
};

// The parser takes 0x04 for the end of the file and replaces what is not UTF-8 silently.
std::optional<Abort> FindUnprintable(std::string_view text) {
  At at{1, 1};
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7f) {
      return Abort{at, "a control character; write it as an escape in double quotes"};
    }
    at = c == '\n' ? At{at.line + 1, 1} : At{at.line, at.column + 1};
  }
  if (!IsUtf8(text)) return Abort{{}, "the file is not UTF-8 text"};
  return std::nullopt;
}

// The parser's own words, but for the one message that quotes the file: a password that begins
// with * would be in it.
std::string SyntaxError(const YAML::Exception& error) {
  constexpr std::string_view kUnknownAnchor = "the referenced anchor is not defined";
  if (error.msg.starts_with(kUnknownAnchor)) {
    return "aliases (*name) are not supported; quote text that begins with *";
  }
  return "not valid YAML: " + error.msg;
}

}  // namespace

std::string_view BaseKey(std::string_view key) {
  for (std::string_view suffix : {"#env", "#file"}) {
    if (key.size() > suffix.size() && key.ends_with(suffix)) {
      return key.substr(0, key.size() - suffix.size());
    }
  }
  return key;
}

std::vector<Node> ParseYaml(std::string_view text, Report* report) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (const auto unprintable = FindUnprintable(text)) {
    report->Invalid(unprintable->at, unprintable->what);
    return {};
  }
  TreeBuilder builder(text, report);
  std::istringstream stream{std::string(text)};
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Abort& abort) {
    report->Invalid(abort.at, abort.what);
  } catch (const YAML::Exception& error) {
    report->Invalid(error.mark.is_null() ? At{} : ToAt(error.mark), SyntaxError(error));
  } catch (const std::exception& error) {
    report->Invalid({}, std::string("cannot be parsed: ") + error.what());
  }
  return builder.TakeDocuments();
}

}  // namespace millrace::config
