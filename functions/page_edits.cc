// SPDX-License-Identifier: Apache-2.0
#include <millrace/function.h>

#include <nlohmann/json.hpp>
using namespace millrace;
using Json = nlohmann::ordered_json;

// Both hold {"edits":n,"added":n,"deleted":n}: text, so that redis-cli shows it.
constexpr Value<std::string> pages{"pages"};
constexpr Output counts{"counts"};

// Keyed by page; the value is one edit as a JSON object. Counts that are null or missing are 0.
class PageEdits {
 public:
  explicit PageEdits(const Config& config) : ignore_robots_(config.Get("ignore_robots", false)) {}

  Outcome Handle(const Event& event, Context& context) {
    const Json edit = Json::parse(event.value().view(), nullptr, false);
    if (!edit.is_object()) return Outcome::DeadLetter("the value is not a JSON object");
    if (ignore_robots_ && edit.contains("isRobot") && edit["isRobot"] == true) {
      return Outcome::Done();
    }
    Json page = Json::parse(context[pages].Or(R"({"edits":0,"added":0,"deleted":0})"));
    page["edits"] = Count(page, "edits") + 1;
    for (const char* name : {"added", "deleted"}) {
      page[name] = Count(page, name) + Count(edit, name);
    }
    const std::string text = page.dump();
    context[pages] = text;
    context.Emit(counts, event.key(), text);
    return Outcome::Done();
  }

 private:
  static int64_t Count(const Json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_number() ? found->get<int64_t>() : 0;
  }

  bool ignore_robots_;
};
MILLRACE_FUNCTION(PageEdits, pages, counts, SuggestedTopic{"wiki.edits"});
