// SPDX-License-Identifier: Apache-2.0
#include "invoke/host_table.h"

#include <algorithm>
#include <vector>

namespace millrace::invoke {
namespace {

constexpr uint64_t kHeadersPerRecordMax = 1000;
constexpr size_t kReasonBytesMax = 4096;  // of a reason or a log line that a handler gives

Slice Shortened(mr_slice text) {
  return text.data ? Slice(text.data, std::min<size_t>(text.size, kReasonBytesMax)) : Slice("");
}

int32_t Note(mr_context* context, int32_t status) {
  const bool failed = status != MR_OK && status != MR_ABSENT;
  if (failed && context->failed == MR_OK) context->failed = status;
  return status;
}

// Index of a use among those of its class (states, or outputs), or -1.
int IndexOf(const Generation& generation, uint32_t id, bool output) {
  int index = 0;
  for (const Use& use : generation.uses) {
    if ((use.kind == UseKind::kOutput) != output) continue;
    if (use.id == id) return index;
    ++index;
  }
  return -1;
}

bool IsMap(const Generation& generation, uint32_t id) {
  for (const Use& use : generation.uses) {
    if (use.id == id && use.kind == UseKind::kMap) return true;
  }
  return false;
}

// A library may have kept the context. Within the life of its instance that is seen, until the slot
// has its turn again; what is asked through it then belongs to no event.
bool IsOver(const mr_context* context) {
  if (context->calls) return false;
  context->misused->store(true, std::memory_order_relaxed);
  return true;
}

void Log(mr_context* context, uint32_t level, mr_slice text) {
  if (IsOver(context)) return;
  context->calls->Log(context->event, level, Shortened(text));
}

void Because(mr_context* context, mr_slice reason) {
  if (!IsOver(context)) context->reason = Shortened(reason).view();
}

int32_t Emit(mr_context* context, uint32_t output, const mr_record* record) {
  if (IsOver(context)) return MR_BAD_ARGUMENT;
  const int index = IndexOf(*context->generation, output, true);
  if (index < 0) return Note(context, MR_BAD_ID);
  if (record->header_count > kHeadersPerRecordMax) return Note(context, MR_TOO_LARGE);
  std::vector<HeaderView> headers;
  headers.reserve(record->header_count);
  for (uint64_t i = 0; i < record->header_count; ++i) {
    headers.push_back({FromAbi(record->headers[i].name), FromAbi(record->headers[i].value)});
  }
  return Note(context, context->calls->Emit(context->event, {.output = static_cast<uint32_t>(index),
                                                             .key = FromAbi(record->key),
                                                             .value = FromAbi(record->value),
                                                             .headers = headers,
                                                             .timestamp_ms = record->timestamp_ms,
                                                             .partition = record->partition}));
}

int32_t Get(mr_context* context, uint32_t state, mr_slice key, mr_slice field, mr_slice* out) {
  if (IsOver(context)) return MR_BAD_ARGUMENT;
  const int index = IndexOf(*context->generation, state, false);
  if (index < 0) return Note(context, MR_BAD_ID);
  if (IsMap(*context->generation, state) != (field.data != nullptr)) {
    return Note(context, MR_BAD_ARGUMENT);
  }
  Slice value;
  const int32_t status = context->calls->Get(context->event, static_cast<uint32_t>(index),
                                             FromAbi(key), FromAbi(field), &value);
  if (status == MR_OK) *out = ToAbi(value);
  return Note(context, status);
}

int32_t Put(mr_context* context, uint32_t state, mr_slice key, mr_slice field, mr_slice value) {
  if (IsOver(context)) return MR_BAD_ARGUMENT;
  const int index = IndexOf(*context->generation, state, false);
  if (index < 0) return Note(context, MR_BAD_ID);
  const bool map = IsMap(*context->generation, state);
  const bool whole_map_put = map && !field.data && value.data;
  if ((!map && field.data) || whole_map_put) return Note(context, MR_BAD_ARGUMENT);
  return Note(context, context->calls->Put(context->event, static_cast<uint32_t>(index),
                                           FromAbi(key), FromAbi(field), FromAbi(value)));
}

int32_t Scan(mr_context* context, uint32_t state, mr_slice key, mr_slice after, mr_entry* out,
             uint64_t max, uint64_t* count) {
  *count = 0;
  if (IsOver(context)) return MR_BAD_ARGUMENT;
  const int index = IndexOf(*context->generation, state, false);
  if (index < 0) return Note(context, MR_BAD_ID);
  if (!IsMap(*context->generation, state)) return Note(context, MR_BAD_ID);
  const ScanCall call{.state = static_cast<uint32_t>(index),
                      .key = FromAbi(key),
                      .after = FromAbi(after),
                      .max = max,
                      .out = out};
  return Note(context, context->calls->Scan(context->event, call, count));
}

int64_t NowMs(mr_context* context) { return IsOver(context) ? 0 : context->given->timestamp_ms; }

uint64_t Random(mr_context* context) {
  if (IsOver(context)) return 0;
  if (!context->random) {
    const mr_event& event = *context->given;
    context->random.emplace(context->generation->function, FromAbi(event.source).view(),
                            event.partition, event.offset);
  }
  return context->random->Next();
}

}  // namespace

mr_host HandlerTable() {
  mr_host table{};
  table.log = Log;
  table.because = Because;
  table.emit = Emit;
  table.get = Get;
  table.put = Put;
  table.scan = Scan;
  table.now_ms = NowMs;
  table.random = Random;
  return table;
}

const char* StatusText(int32_t status) {
  switch (status) {
    case MR_NO_KEY:
      return "no_key: the event has no key, so it has no state of its own";
    case MR_BAD_ID:
      return "a state or output was used that the library does not declare";
    case MR_TOO_LARGE:
      return "too_large: a key, value or record is over its limit";
    case MR_UNAVAILABLE:
      return "the state store or an output topic is not available";
    case MR_UNSUPPORTED:
      return "a host call is not available in this version";
    case MR_BAD_ARGUMENT:
      return "a host call had a wrong argument: a field for a value, none for a map, or a "
             "partition that the output does not have";
    default:
      return "a host call failed";
  }
}

}  // namespace millrace::invoke
