// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <millrace/abi.h>
#include <millrace/event_random.h>
#include <millrace/testing/fake_state.h>
#include <millrace/testing/record.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millrace::testing {

// The host's side of the ABI over a FakeState, as strict as a host: ids, kinds, keys, sizes and
// partitions are checked, and the first call that fails is remembered with its event.
class FakeHost {
 public:
  // One event's mr_context.
  struct Call {
    FakeHost* host;
    const mr_event* event;
    size_t index;  // in the batch
    Result result{};
    int32_t failed_status = MR_OK;
    std::string failed_call{};
    uint64_t effect_bytes = 0;
    std::vector<Stored> pinned{};      // slices stay valid until the handler returns
    std::deque<std::string> fields{};  // of scanned pages, for as long
    std::optional<detail::EventRandom> random{};
  };

  FakeHost(const mr_function* table, HostOptions options) : options_(std::move(options)) {
    for (uint32_t i = 0; i < table->use_count; ++i)
      uses_.emplace(table->uses[i].id, table->uses[i]);
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  static const mr_host* table() {
    static constexpr mr_host kTable{
        sizeof(mr_host), MR_ABI_MAJOR, MR_ABI_MINOR, 0,   Config, Refuse, Log,
        Because,         Emit,         Get,          Put, Scan,   NowMs,  Random};
    return &kTable;
  }
  mr_setup* setup() { return reinterpret_cast<mr_setup*>(this); }
  static mr_context* ContextOf(Call& call) { return reinterpret_cast<mr_context*>(&call); }

  FakeState& state() { return state_; }
  const FakeState& state() const { return state_; }
  const std::map<uint32_t, mr_use>& uses() const { return uses_; }
  const HostOptions& options() const { return options_; }
  const std::string& refused() const { return refused_; }
  void set_refused(std::string why) { refused_ = std::move(why); }
  void set_store_away(int32_t status) { store_status_ = status; }

 private:
  static Call& Of(mr_context* context) { return *reinterpret_cast<Call*>(context); }

  static int32_t Fail(Call& call, int32_t status, std::string what) {
    if (call.failed_status == MR_OK) {
      call.failed_status = status;
      call.failed_call = std::move(what);
    }
    return status;
  }

  static int32_t Config(mr_setup* setup, mr_slice path, mr_slice* out) {
    const auto& config = reinterpret_cast<FakeHost*>(setup)->options_.config;
    const auto found = config.find(Copy(path).value_or(""));
    if (found == config.end()) return MR_ABSENT;
    *out = Borrow(std::string_view(found->second));
    return MR_OK;
  }
  static void Refuse(mr_setup* setup, mr_slice reason) {
    reinterpret_cast<FakeHost*>(setup)->refused_ = Copy(reason).value_or("");
  }
  static void Log(mr_context* context, uint32_t level, mr_slice text) {
    Of(context).result.logs.push_back({level, Copy(text).value_or("")});
  }
  static void Because(mr_context* context, mr_slice reason) {
    Of(context).result.reason = Copy(reason).value_or("");
  }
  static int64_t NowMs(mr_context* context) { return Of(context).event->timestamp_ms; }
  static uint64_t Random(mr_context* context) {
    Call& call = Of(context);
    if (!call.random) {
      call.random.emplace(call.host->options_.function, call.host->options_.topic,
                          call.event->partition, call.event->offset);
    }
    return call.random->Next();
  }

  static int32_t Emit(mr_context* context, uint32_t output, const mr_record* record) {
    Call& call = Of(context);
    const auto use = call.host->uses_.find(output);
    if (use == call.host->uses_.end() || use->second.kind != MR_OUTPUT) {
      return Fail(call, MR_BAD_ID, "emit: output not declared");
    }
    const std::string name = *Copy(use->second.name);
    if (record->partition < -1 || record->partition >= call.host->options_.output_partitions) {
      return Fail(call, MR_BAD_ARGUMENT,
                  "emit to " + name + ": no partition " + std::to_string(record->partition));
    }
    const int32_t status = Charge(call, record->key.size + record->value.size, "emit to " + name);
    if (status != MR_OK) return status;
    Emitted emitted{name, Copy(record->key), Copy(record->value), record->partition, 0, {}};
    emitted.timestamp_ms =
        record->timestamp_ms < 0 ? call.event->timestamp_ms : record->timestamp_ms;
    for (uint64_t i = 0; i < record->header_count; ++i) {
      const mr_header& header = record->headers[i];
      emitted.headers.emplace_back(Copy(header.name).value_or(""), Copy(header.value));
    }
    call.result.emitted.push_back(std::move(emitted));
    return MR_OK;
  }

  static int32_t Charge(Call& call, uint64_t bytes, const std::string& what) {
    call.effect_bytes += bytes;
    if (call.effect_bytes <= call.host->options_.effect_bytes_max) return MR_OK;
    return Fail(call, MR_TOO_LARGE, what + ": over the event's limit of effect bytes");
  }

  // Checks a state call and fills in the event's own key.
  static int32_t Resolve(Call& call, const char* what, uint32_t id, mr_slice key, CellName* name) {
    const auto use = call.host->uses_.find(id);
    if (use == call.host->uses_.end() || use->second.kind == MR_OUTPUT) {
      return Fail(call, MR_BAD_ID, std::string(what) + ": state not declared");
    }
    const std::string where = std::string(what) + " " + *Copy(use->second.name);
    const Text own = Copy(key.data ? key : call.event->key);
    if (!own) return Fail(call, MR_NO_KEY, where + ": the event has no key");
    const int32_t store = call.host->store_status_;
    if (store != MR_OK) return Fail(call, store, where + ": the state store is away");
    *name = {id, *own, std::nullopt};
    return MR_OK;
  }
  static bool IsMap(const Call& call, uint32_t id) {
    return call.host->uses_.at(id).kind == MR_MAP;
  }

  static int32_t Get(mr_context* context, uint32_t id, mr_slice key, mr_slice field,
                     mr_slice* out) {
    Call& call = Of(context);
    CellName name;
    if (const int32_t status = Resolve(call, "get", id, key, &name); status != MR_OK) return status;
    name.field = Copy(field);
    if (IsMap(call, id) != name.field.has_value()) {
      return Fail(call, MR_BAD_ARGUMENT, "get: a map wants a field, a value wants none");
    }
    const Stored found = call.host->state_.Find(call.index, name);
    if (!found) return MR_ABSENT;
    call.pinned.push_back(found);
    *out = Borrow(std::string_view(*found));
    return MR_OK;
  }

  static int32_t Put(mr_context* context, uint32_t id, mr_slice key, mr_slice field,
                     mr_slice value) {
    Call& call = Of(context);
    CellName name;
    if (const int32_t status = Resolve(call, "put", id, key, &name); status != MR_OK) return status;
    name.field = Copy(field);
    FakeState& state = call.host->state_;
    if (IsMap(call, id) && !name.field && value.data == nullptr) {
      for (const auto& entry : state.Scan(call.index, id, name.key, std::nullopt)) {
        state.Write(call.index, {id, name.key, entry.first}, std::nullopt);
      }
      return MR_OK;
    }
    if (IsMap(call, id) != name.field.has_value()) {
      return Fail(call, MR_BAD_ARGUMENT, "put: a map wants a field, a value wants none");
    }
    const int32_t status = Charge(call, name.key.size() + field.size + value.size, "put");
    if (status == MR_OK) state.Write(call.index, std::move(name), Copy(value));
    return status;
  }

  static int32_t Scan(mr_context* context, uint32_t id, mr_slice key, mr_slice after, mr_entry* out,
                      uint64_t max, uint64_t* count) {
    Call& call = Of(context);
    CellName name;
    *count = 0;
    if (const int32_t status = Resolve(call, "scan", id, key, &name); status != MR_OK)
      return status;
    if (!IsMap(call, id)) return Fail(call, MR_BAD_ID, "scan: not a map");
    for (auto& [field, value] : call.host->state_.Scan(call.index, id, name.key, Copy(after))) {
      if (*count == max) break;
      call.fields.push_back(field);
      call.pinned.push_back(value);
      out[(*count)++] = {Borrow(std::string_view(call.fields.back())),
                         Borrow(std::string_view(*value))};
    }
    return MR_OK;
  }

  HostOptions options_;
  std::map<uint32_t, mr_use> uses_;
  FakeState state_;
  std::string refused_;
  int32_t store_status_ = MR_OK;
};

}  // namespace millrace::testing
