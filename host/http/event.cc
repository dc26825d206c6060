// SPDX-License-Identifier: Apache-2.0
#include "http/event.h"

#include <boost/json/parser.hpp>
#include <boost/json/value.hpp>
#include <boost/url/parse_query.hpp>
#include <charconv>
#include <limits>
#include <set>

#include "http/bytes.h"
#include "http/duplicate_keys.h"

namespace millrace::http {
namespace {

namespace json = boost::json;
namespace urls = boost::urls;

using std::string;
using std::string_view;

string Quoted(string_view name) { return "'" + ToUtf8(name) + "'"; }

bool IsEnvelope(string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (content_type.ends_with(' ')) content_type.remove_suffix(1);
  return EqualsIgnoringCase(content_type, kEventType);
}

// One object of the envelope. Take... reads a member by name; Finish refuses the members that
// nobody took. The first error wins.
class ObjectReader {
 public:
  ObjectReader(const json::object& object, string where)
      : object_(object), where_(std::move(where)) {}

  // `name` as text or null, or `name`_base64.
  void TakeBytes(const char* name, OwnedBytes& into) {
    const string encoded_name = string(name) + "_base64";
    const json::value* plain = Take(name);
    const json::value* encoded = Take(encoded_name);
    if (plain && encoded) return Fail(Quoted(name) + " and " + Quoted(encoded_name) + ": give one");
    if (plain && plain->is_string()) into = string(string_view(plain->get_string()));
    if (plain && !plain->is_string() && !plain->is_null()) {
      Fail(Quoted(name) + " must be a string or null (other bytes: " + Quoted(encoded_name) + ")");
    }
    if (!encoded) return;
    if (encoded->is_string()) into = DecodeBase64(string_view(encoded->get_string()));
    if (!into) Fail(Quoted(encoded_name) + " must be a string of padded base64");
  }

  void TakeString(const char* name, std::optional<string>& into) {
    const json::value* member = Take(name);
    if (!member || member->is_null()) return;
    if (!member->is_string()) return Fail(Quoted(name) + " must be a string");
    into = string(string_view(member->get_string()));
  }

  template <class Integer>
  void TakeInteger(const char* name, std::optional<Integer>& into) {
    const json::value* member = Take(name);
    if (!member || member->is_null()) return;
    const std::int64_t* number = member->if_int64();
    if (!number || *number < 0 || *number > std::numeric_limits<Integer>::max()) {
      return Fail(Quoted(name) + " must be an integer from 0 to " +
                  std::to_string(std::numeric_limits<Integer>::max()));
    }
    into = static_cast<Integer>(*number);
  }

  const json::value* Take(string_view name) {
    taken_.insert(string(name));
    return object_.if_contains(name);
  }

  void Fail(const string& what) {
    if (error_.empty()) error_ = where_ + ": " + what;
  }

  Status Finish() {
    for (const auto& member : object_) {
      if (taken_.contains(string(string_view(member.key())))) continue;
      string known;
      for (const string& name : taken_) known += (known.empty() ? "" : ", ") + name;
      Fail("unknown member " + Quoted(member.key()) + "; known are " + known);
    }
    if (error_.empty()) return {};
    return Poison(error_);
  }

 private:
  const json::object& object_;
  string where_;
  std::set<string> taken_;
  string error_;
};

Result<EventHeader> HeaderOf(const json::value& item, const string& where) {
  if (!item.is_object()) return Poison(where + ": must be an object {name, value}");
  ObjectReader reader(item.get_object(), where);
  std::optional<string> name;
  EventHeader header;
  reader.TakeString("name", name);
  reader.TakeBytes("value", header.value);
  if (!name) reader.Fail("'name' is missing");
  if (const Status status = reader.Finish(); !status) return status.error();
  header.name = *name;
  return header;
}

// {"name": "value" or null, …} or, where order, repeats or other bytes matter, [{name, value}, …].
Result<std::vector<EventHeader>> HeadersOf(const json::value* headers) {
  std::vector<EventHeader> list;
  if (!headers || headers->is_null()) return list;
  if (const json::object* object = headers->if_object()) {
    for (const auto& member : *object) {
      EventHeader& header = list.emplace_back(EventHeader{string(member.key()), {}});
      if (member.value().is_null()) continue;
      if (!member.value().is_string()) {
        return Poison("envelope: header " + Quoted(header.name) + " must be a string or null");
      }
      header.value = string(string_view(member.value().get_string()));
    }
    return list;
  }
  if (!headers->is_array()) {
    return Poison("envelope: 'headers' must be an object or an array of {name, value}");
  }
  for (const json::value& item : headers->get_array()) {
    auto header = HeaderOf(item, "envelope: header " + std::to_string(list.size()));
    if (!header) return header.error();
    list.push_back(std::move(*header));
  }
  return list;
}

Result<json::value> ParseJson(string_view body) {
  json::parser parser;
  boost::system::error_code failure;
  const size_t at = parser.write_some(body, failure);
  if (!failure && at < body.size()) failure = json::make_error_code(json::error::extra_data);
  if (failure) {
    return Poison("envelope: not JSON at byte " + std::to_string(at) + ": " + failure.message());
  }
  if (const auto twice = FindDuplicateKey(body)) {
    return Poison("envelope: member " + Quoted(*twice) + " is given twice");
  }
  return parser.release();
}

template <class Integer>
Status ReadInteger(string_view name, string_view text, std::optional<Integer>& into) {
  Integer number{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size() || number < 0) {
    return Poison("query: " + Quoted(name) + " must be an integer from 0 to " +
                  std::to_string(std::numeric_limits<Integer>::max()));
  }
  into = number;
  return {};
}

Status ReadParameter(const string& name, string value, InvokeEvent& event) {
  if (name == "partition") return ReadInteger(name, value, event.partition);
  if (name == "timestamp") return ReadInteger(name, value, event.timestamp_ms);
  if (name == "key") {
    event.key = std::move(value);
  } else if (name == "topic") {
    event.topic = std::move(value);
  } else {
    return Poison("query: unknown parameter " + Quoted(name) +
                  "; known are key, topic, partition, timestamp");
  }
  return {};
}

std::vector<EventHeader> HeadersOf(const Fields& fields) {
  std::vector<EventHeader> headers;
  for (const auto& [name, value] : fields) {
    const string_view prefix = string_view(name).substr(0, kEventHeaderPrefix.size());
    if (!EqualsIgnoringCase(prefix, kEventHeaderPrefix)) continue;
    // HTTP names have no case and intermediaries change it; one spelling for the handler.
    headers.push_back({LowerCase(name.substr(kEventHeaderPrefix.size())), value});
  }
  return headers;
}

}  // namespace

std::optional<string> UnsupportedMedia(const Request& request) {
  const auto encoding = Find(request.fields, "Content-Encoding");
  if (encoding && !EqualsIgnoringCase(*encoding, "identity")) {
    return "Content-Encoding is not understood; send the body as it is";
  }
  const string_view type = Find(request.fields, "Content-Type").value_or("");
  if (!IsEnvelope(type)) return std::nullopt;
  const string parameters = LowerCase(type);
  const size_t charset = parameters.find("charset=");
  if (charset == string::npos) return std::nullopt;
  const string_view name = string_view(parameters).substr(charset + 8);
  if (name.starts_with("utf-8") || name.starts_with("\"utf-8\"")) return std::nullopt;
  return string(kEventType) + " is UTF-8; another charset is not understood";
}

Result<InvokeEvent> ParseEvent(Request&& request, string_view query) {
  std::vector<EventHeader> headers = HeadersOf(request.fields);
  if (!IsEnvelope(Find(request.fields, "Content-Type").value_or(""))) {
    auto event = ParseQuery(query);
    if (!event) return event;
    event->value = std::move(request.body);
    event->headers = std::move(headers);
    return event;
  }
  if (!query.empty() || !headers.empty()) {
    return Poison(
        "an envelope holds the whole event; leave out the query and the Millrace-Header-* fields");
  }
  return ParseEnvelope(request.body);
}

Result<InvokeEvent> ParseEnvelope(string_view body) {
  const auto parsed = ParseJson(body);
  if (!parsed) return parsed.error();
  if (!parsed->is_object()) return Poison("envelope: must be a JSON object");
  ObjectReader reader(parsed->get_object(), "envelope");
  InvokeEvent event;
  reader.TakeBytes("key", event.key);
  reader.TakeBytes("value", event.value);
  reader.TakeString("topic", event.topic);
  reader.TakeInteger("partition", event.partition);
  reader.TakeInteger("timestamp", event.timestamp_ms);
  auto headers = HeadersOf(reader.Take("headers"));
  if (const Status status = reader.Finish(); !status) return status.error();
  if (!headers) return headers.error();
  event.headers = std::move(*headers);
  return event;
}

Result<InvokeEvent> ParseQuery(string_view query) {
  InvokeEvent event;
  if (query.empty()) return event;
  const auto parameters = urls::parse_query(query);
  if (!parameters) return Poison("query: not percent-encoded as a query should be");
  urls::encoding_opts form;
  form.space_as_plus = true;
  std::set<string> seen;
  for (const auto parameter : *parameters) {
    const string name = parameter.key.decode(form);
    if (!seen.insert(name).second) {
      return Poison("query: parameter " + Quoted(name) + " is given twice");
    }
    if (!parameter.has_value) {
      return Poison("query: parameter " + Quoted(name) +
                    " has no value; write name= for an empty one, leave it out for null");
    }
    const Status status = ReadParameter(name, parameter.value.decode(form), event);
    if (!status) return status.error();
  }
  return event;
}

}  // namespace millrace::http
