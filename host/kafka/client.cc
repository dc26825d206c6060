// SPDX-License-Identifier: Apache-2.0
#include "kafka/client.h"

#include <array>

namespace millrace::kafka {
namespace {

constexpr size_t kErrorTextBytes = 512;

void OnLog(const rd_kafka_t* rk, int level, const char* facility, const char* text) {
  // One handle takes properties meant for the other kind; that is no news to the user. Versions
  // without the switch below say so in every log.
  if (std::string_view(facility) == "CONFWARN") return;
  if (void* opaque = rd_kafka_opaque(rk)) {
    Client::Of(opaque).Log(level, std::string("kafka client: ") + facility + ": " + text);
  }
}

std::string ServersOf(const Properties& properties) {
  for (const char* name : {"bootstrap.servers", "metadata.broker.list"}) {
    if (auto found = properties.find(name); found != properties.end()) return found->second;
  }
  return "";
}

}  // namespace

std::string ClientId(const std::string& function, const std::string& host_id) {
  return "millrace-" + function + "-" + host_id;
}

ConfBuilder::ConfBuilder(const Properties& user) : user_(user), conf_(rd_kafka_conf_new()) {
  if (ServersOf(user).empty()) {
    error_ = "kafka: bootstrap.servers is not set; name at least one broker as HOST:PORT";
  }
  TrySetDefault("log.configuration.warnings", "false");
  for (const auto& [name, value] : user) Set(name, value);
}

void ConfBuilder::SetDefault(const std::string& name, const std::string& value) {
  if (!user_.contains(name)) Set(name, value);
}

void ConfBuilder::Set(const std::string& name, const std::string& value) {
  std::array<char, kErrorTextBytes> text;
  const auto result =
      rd_kafka_conf_set(conf_.get(), name.c_str(), value.c_str(), text.data(), text.size());
  if (result != RD_KAFKA_CONF_OK && error_.empty()) {
    error_ = "kafka: property " + name + " is refused: " + text.data();
  }
}

bool ConfBuilder::TrySetDefault(const std::string& name, const std::string& value) {
  if (user_.contains(name)) return true;
  return rd_kafka_conf_set(conf_.get(), name.c_str(), value.c_str(), nullptr, 0) ==
         RD_KAFKA_CONF_OK;
}

Result<ConfPtr> ConfBuilder::Finish() {
  if (!error_.empty()) return Fatal(error_);
  return std::move(conf_);
}

Client::Client(const ClientOptions& options, void* owner)
    : log_(options.log), servers_(ServersOf(options.properties)), owner_(owner) {}

Result<std::unique_ptr<Client>> Client::Create(rd_kafka_type_t type, ConfBuilder builder,
                                               const ClientOptions& options, void* owner) {
  builder.Set("client.id", options.client_id);
  Result<ConfPtr> conf = builder.Finish();
  if (!conf) return conf.error();
  std::unique_ptr<Client> client(new Client(options, owner));
  rd_kafka_conf_set_opaque(conf->get(), client.get());
  rd_kafka_conf_set_log_cb(conf->get(), OnLog);
  std::array<char, kErrorTextBytes> text;
  client->rk_ = rd_kafka_new(type, conf->get(), text.data(), text.size());
  if (!client->rk_) return Fatal(std::string("kafka: client cannot be made: ") + text.data());
  static_cast<void>(conf->release());  // the client owns it now
  return client;
}

Client::~Client() {
  if (rk_) rd_kafka_destroy_flags(rk_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

}  // namespace millrace::kafka
