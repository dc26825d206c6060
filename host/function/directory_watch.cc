// SPDX-License-Identifier: Apache-2.0
#include "function/directory_watch.h"

#include <dirent.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/system_text.h"

namespace millrace::function {
namespace {

constexpr uint32_t kMask = IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE |
                           IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr size_t kFilesMax = 10'000;  // libraries and YAML files of one directory
constexpr int kReadsMax = 64;  // of the event queue per Poll; the rest waits for the next one

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

timespec ToTimespec(Millis time) {
  return {static_cast<time_t>(time.count() / 1000),
          static_cast<long>(time.count() % 1000) * 1'000'000};
}

int64_t WallNow() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Result<std::unique_ptr<DirectoryWatch>> DirectoryWatch::Open(WatchOptions options) {
  std::unique_ptr<DirectoryWatch> watch(new DirectoryWatch(std::move(options)));
  const std::string& directory = watch->options_.directory;
  watch->inotify_ = UniqueFd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!watch->inotify_)
    return Retriable(
        SystemText(directory + ": no inotify instance (fs.inotify.max_user_instances)", errno));
  watch->timer_ = UniqueFd(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  watch->epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!watch->timer_ || !watch->epoll_)
    return Retriable(SystemText(directory + ": no descriptor", errno));
  for (int fd : {watch->inotify_.get(), watch->timer_.get()}) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (::epoll_ctl(watch->epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
      return Retriable(SystemText(directory + ": epoll", errno));
  }
  watch->AddWatch();
  const itimerspec at_once{{}, {0, 1}};
  ::timerfd_settime(watch->timer_.get(), 0, &at_once, nullptr);
  return watch;
}

void DirectoryWatch::WatchAlso(std::set<std::string> paths) {
  for (const std::string& path : also_)
    if (!paths.contains(path)) files_.erase(path);
  also_ = std::move(paths);
  const itimerspec at_once{{}, {0, 1}};
  ::timerfd_settime(timer_.get(), 0, &at_once, nullptr);
}

std::vector<Change> DirectoryWatch::Poll() {
  uint64_t expirations = 0;
  [[maybe_unused]] const ssize_t ignored = ::read(timer_.get(), &expirations, sizeof expirations);
  // Watch first, then look: what changes in between is an event.
  AddWatch();
  ReadEvents();
  Listing listing;
  std::vector<Change> changes;
  const SteadyTime now = std::chrono::steady_clock::now();
  if (List(&listing)) changes = Compare(listing, now);
  closed_.clear();
  any_links_ = std::ranges::any_of(listing, [](const auto& file) { return file.second.is_link; });
  const bool unsettled = std::ranges::any_of(
      files_, [](const auto& file) { return file.second.seen != file.second.reported; });
  ArmTimer(unsettled);
  return changes;
}

// Events say when to look and which writers are done; what changed is always seen by looking.
void DirectoryWatch::ReadEvents() {
  alignas(inotify_event) std::array<char, 16 * 1024> buffer;
  for (int reads = 0; reads < kReadsMax; ++reads) {
    const ssize_t size = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (size <= 0) return;
    for (ssize_t at = 0; at < size;) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* name = buffer.data() + at + sizeof event;
      at += static_cast<ssize_t>(sizeof event + event.len);
      if (event.wd != watch_) continue;  // an overflow, or of a directory that was replaced
      if (event.mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) watched_ = {};
      if (event.len > 0 && (event.mask & (IN_CLOSE_WRITE | IN_MOVED_TO))) closed_.insert(name);
    }
  }
}

// The path may lead to another directory than before: replaced, or a link that was changed.
void DirectoryWatch::AddWatch() {
  struct stat info {};
  if (::stat(options_.directory.c_str(), &info) != 0) return;
  FileIdentity directory;
  directory.device = info.st_dev;
  directory.inode = info.st_ino;
  if (watch_ >= 0 && directory == watched_) return;
  if (watch_ >= 0) ::inotify_rm_watch(inotify_.get(), watch_);
  watch_ = ::inotify_add_watch(inotify_.get(), options_.directory.c_str(), kMask);
  watched_ = watch_ >= 0 ? directory : FileIdentity{};
}

bool DirectoryWatch::Wanted(const std::string& name) const {
  if (name.empty() || name[0] == '.') return false;
  return std::ranges::any_of(options_.suffixes, [&](const std::string& suffix) {
    return name.size() > suffix.size() && name.ends_with(suffix);
  });
}

// Adds a regular file; one that cannot be looked at just now stays as it was last seen.
void DirectoryWatch::Look(const std::string& name, const std::string& path,
                          Listing* listing) const {
  struct stat target {
  }, link{};
  if (::stat(path.c_str(), &target) == 0) {
    if (!S_ISREG(target.st_mode)) return;
    const bool is_link = ::lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode);
    listing->emplace(name, Found{IdentityOf(target), is_link});
    return;
  }
  if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return;
  const auto known = files_.find(name);
  if (known != files_.end() && known->second.seen)
    listing->emplace(name, Found{*known->second.seen, true});
}

bool DirectoryWatch::List(Listing* listing) {
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(options_.directory.c_str()));
  if (!directory) {
    problem_ = SystemText(options_.directory + ": functions_dir cannot be read", errno);
    return false;
  }
  problem_.clear();
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (Wanted(name)) Look(name, options_.directory + "/" + name, listing);
    if (listing->size() > kFilesMax) {
      problem_ = options_.directory + ": functions_dir holds more than " +
                 std::to_string(kFilesMax) + " libraries and YAML files: changes are not taken";
      return false;
    }
    errno = 0;
  }
  if (errno != 0) {
    problem_ = SystemText(options_.directory + ": functions_dir cannot be read", errno);
    return false;
  }
  for (const std::string& path : also_)
    Look(path, path.starts_with('/') ? path : options_.directory + "/" + path, listing);
  return true;
}

bool DirectoryWatch::Complete(const std::string& name, const File& file, bool is_link,
                              SteadyTime now) const {
  // The event of a link is about the link; its target may be half-written.
  if (file.seen && !is_link && closed_.contains(name)) return true;
  if (now - file.seen_at >= options_.settle) return true;
  if (!file.seen) return false;
  // Untouched for longer than we have looked, if the file system's clock is anything like ours.
  const int64_t age_ns = WallNow() - std::max(file.seen->modified_ns, file.seen->changed_ns);
  return age_ns >= std::chrono::nanoseconds(options_.settle).count();
}

std::vector<Change> DirectoryWatch::Compare(const Listing& listing, SteadyTime now) {
  for (const auto& [name, found] : listing) files_.try_emplace(name);
  std::vector<Change> changes;
  for (auto entry = files_.begin(); entry != files_.end();) {
    auto& [name, file] = *entry;
    const auto found = listing.find(name);
    std::optional<FileIdentity> seen;
    if (found != listing.end()) seen = found->second.identity;
    if (seen != file.seen) {
      file.seen = seen;
      file.seen_at = now;
    }
    const bool is_link = found != listing.end() && found->second.is_link;
    // Written twice within one tick of the file system's clock, a file may look the same.
    const bool rewritten = file.seen && !is_link && closed_.contains(name);
    if ((file.seen != file.reported || rewritten) && Complete(name, file, is_link, now)) {
      file.reported = file.seen;
      changes.push_back({seen ? Change::Kind::kPresent : Change::Kind::kRemoved, name,
                         seen.value_or(FileIdentity{})});
    }
    const bool gone = !file.seen && !file.reported;
    entry = gone ? files_.erase(entry) : std::next(entry);
  }
  return changes;
}

void DirectoryWatch::ArmTimer(bool unsettled) {
  Millis wait = options_.rescan_interval;
  if (any_links_ || !also_.empty() || watched_ == FileIdentity{})
    wait = std::min(wait, options_.link_rescan_interval);
  if (unsettled) wait = std::min(wait, options_.settle / 2);
  const itimerspec when{{}, ToTimespec(std::max(wait, Millis(1)))};
  ::timerfd_settime(timer_.get(), 0, &when, nullptr);
}

}  // namespace millrace::function
