// SPDX-License-Identifier: Apache-2.0
#include "function/library_object.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

// One call of open() or start(): the config to read, and what was refused.
struct mr_setup {
  const std::map<std::string, std::string>* config;
  std::optional<std::string> refusal;
};

namespace millrace::function {
namespace {

constexpr uint64_t kRefusalBytesMax = 4096;

int32_t ReadConfig(mr_setup* setup, mr_slice path, mr_slice* out) {
  if (!path.data) return MR_ABSENT;
  const auto found = setup->config->find(std::string(path.data, path.size));
  if (found == setup->config->end()) return MR_ABSENT;
  *out = {found->second.data(), found->second.size()};
  return MR_OK;
}

void Refuse(mr_setup* setup, mr_slice reason) {
  if (!reason.data) reason = {"", 0};
  setup->refusal.emplace(reason.data, std::min(reason.size, kRefusalBytesMax));
}

// The library object of one function and generation; closes it. Shared by the lanes, immutable
// after Open.
class LibraryObject {
 public:
  explicit LibraryObject(OpenRequest request) : request_(std::move(request)) {
    request_.host.size = sizeof(mr_host);
    request_.host.major = MR_ABI_MAJOR;
    request_.host.minor = MR_ABI_MINOR;
    request_.host.config = &ReadConfig;
    request_.host.refuse = &Refuse;
  }
  LibraryObject(const LibraryObject&) = delete;
  LibraryObject& operator=(const LibraryObject&) = delete;
  ~LibraryObject() {
    if (!open_) return;
    try {
      table().close(object_);
    } catch (...) {  // nothing is left to be saved of it
    }
  }

  Status Open() {
    auto opened = Call("open()", [&](mr_setup* setup, void** out) {
      const int32_t status = table().open(&request_.host, setup, out);
      if (status != MR_OK) return status;
      open_ = true;
      object_ = *out;
      return status;
    });
    if (!opened) return opened.error();
    return {};
  }

  Result<void*> Start() const {
    return Call("start()", [&](mr_setup* setup, void** out) {
      const int32_t status = table().start(object_, setup, out);
      if (status == MR_OK && setup->refusal) table().stop(*out);
      return status;
    });
  }

  Status TestItself() const {
    if (!table().self_test) return {};
    auto tested = Call("its self-test", [&](mr_setup* setup, void**) {
      return table().self_test(&request_.host, setup);
    });
    if (!tested) return tested.error();
    return {};
  }

  const mr_function& table() const { return request_.library->table(); }
  void* object() const { return object_; }
  const OpenRequest& request() const { return request_; }

 private:
  // Runs one of them; a refusal counts even when the status says OK.
  template <class Body>
  Result<void*> Call(const char* what, Body body) const {
    mr_setup setup{&request_.config, std::nullopt};
    void* out = nullptr;
    const auto failed = [&](const std::string& why) {
      const std::string whose = request_.function.empty() ? "" : request_.function + ": ";
      return Fatal(whose + request_.library->file() + " refused in " + what + ": " + why);
    };
    try {
      const int32_t status = body(&setup, &out);
      if (setup.refusal) return failed(setup.refusal->empty() ? "no reason given" : *setup.refusal);
      if (status != MR_OK) return failed("status " + std::to_string(status));
      return out;
    } catch (const std::exception& error) {
      return failed(std::string("threw ") + error.what());
    } catch (...) {
      return failed("threw something that is not a std::exception");
    }
  }

  OpenRequest request_;
  bool open_ = false;
  void* object_ = nullptr;
};

}  // namespace

Result<std::shared_ptr<const Generation>> OpenGeneration(OpenRequest request) {
  auto object = std::make_shared<LibraryObject>(std::move(request));
  if (Status opened = object->Open(); !opened) return opened.error();
  auto generation = std::make_shared<Generation>();
  const Library& library = *object->request().library;
  generation->function = object->request().function;
  generation->hash12 = library.sha256().substr(0, 12);
  generation->number = object->request().number;
  generation->table = &library.table();
  generation->library = object->object();
  generation->uses = library.uses();
  generation->versions = {.written = library.note().state_version,
                          .oldest_read = library.note().oldest_readable};
  generation->start = [object] { return object->Start(); };
  generation->keep_alive = object;
  return std::shared_ptr<const Generation>(std::move(generation));
}

Status RunSelfTest(const std::shared_ptr<const Library>& library) {
  OpenRequest request;
  request.library = library;
  return LibraryObject(std::move(request)).TestItself();
}

}  // namespace millrace::function
