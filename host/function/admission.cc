// SPDX-License-Identifier: Apache-2.0
#include "function/admission.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/system_text.h"

namespace millrace::function {
namespace {

constexpr Millis kDelayMin{200};
constexpr Millis kDelayMax{60'000};

}  // namespace

Result<std::unique_ptr<Admission>> Admission::Open(AdmissionSettings settings) {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) {
    return Retriable(SystemText("libraries cannot be probed: epoll", errno));
  }
  return std::unique_ptr<Admission>(new Admission(std::move(settings), std::move(epoll)));
}

std::optional<Result<AdmittedLibrary>> Admission::Take(const std::string& path, SteadyTime now) {
  auto found = probes_.find(path);
  if (found == probes_.end()) {
    const auto delay = delays_.find(path);
    if (delay != delays_.end() && now < delay->second.until) return delay->second.why;
    if (probes_.size() == kProbesMax) return std::nullopt;
    auto begun = Begin(path);
    if (!begun) return Outcome(path, begun.error(), now);
    if (!begun->probe) return Outcome(path, Admit(*std::move(begun)), now);
    found = probes_.emplace(path, *std::move(begun)).first;
  }
  const auto outcome = found->second.probe->Poll(now);
  if (!outcome) return std::nullopt;
  Probing probed = std::move(found->second);
  probes_.erase(found);
  if (!*outcome) return Outcome(path, outcome->error(), now);
  return Outcome(path, Admit(std::move(probed)), now);
}

Result<AdmittedLibrary> Admission::Outcome(const std::string& path, Result<AdmittedLibrary> outcome,
                                           SteadyTime now) {
  if (outcome || outcome.error().error_class != ErrorClass::kRetriable) {
    delays_.erase(path);
    return outcome;
  }
  Delay& delay = delays_[path];
  delay.why = outcome.error();
  delay.wait = std::clamp(delay.wait * 2, kDelayMin, kDelayMax);
  delay.until = now + delay.wait;
  return outcome;
}

void Admission::KeepOnly(const std::set<std::string>& paths) {
  const auto gone = [&paths](const auto& entry) { return !paths.contains(entry.first); };
  std::erase_if(probes_, gone);
  std::erase_if(delays_, gone);
}

Result<Admission::Probing> Admission::Begin(const std::string& path) {
  auto bytes = ReadLibrary(path);
  if (!bytes) return bytes.error();
  auto owner = OwnerProblem(*bytes, ::geteuid());
  if (owner && settings_.owner == OwnerCheck::kRefuse) return Fatal(*std::move(owner));
  if (Status signature = CheckSignature(*bytes, settings_.signatures); !signature)
    return signature.error();
  auto checked = Library::Check(*bytes, &cache_);
  if (!checked) return checked.error();
  auto folder = cache_.FolderProblem(::geteuid());
  if (folder && settings_.owner == OwnerCheck::kRefuse) return Fatal(path + ": " + *folder);
  if (folder && !owner) owner = std::move(folder);
  Probing probing{*std::move(checked), owner.value_or(""), nullptr};
  if (!settings_.probe) return probing;

  auto probe = Probe::Start(*settings_.probe, {probing.checked.copy, probing.checked.file});
  if (!probe) return probe.error();
  probing.probe = *std::move(probe);
  epoll_event wanted{.events = EPOLLIN, .data = {}};
  // Without it the end of the probe is seen a little later, by whoever asks again anyway.
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, probing.probe->fd(), &wanted);
  return probing;
}

AdmittedLibrary Admission::Admit(Probing probed) {
  return {std::make_shared<const CheckedCopy>(std::move(probed.checked)),
          std::move(probed.warning)};
}

}  // namespace millrace::function
