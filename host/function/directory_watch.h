// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "function/file_identity.h"

namespace millrace::function {

// A file that is not what it was when it was last reported.
struct Change {
  enum class Kind { kPresent, kRemoved };  // kPresent: new, or new content
  Kind kind = Kind::kPresent;
  std::string name;       // as in the directory, or as given to WatchAlso
  FileIdentity identity;  // of kPresent

  friend bool operator==(const Change&, const Change&) = default;
};

struct WatchOptions {
  std::string directory;
  std::vector<std::string> suffixes{".so", ".so.sig", ".yaml",
                                    ".yml"};  // names starting with '.' never count
  Millis rescan_interval{1000};
  Millis link_rescan_interval{
      200};            // while there are links or files elsewhere: no events for those
  Millis settle{100};  // how long a file must stay as it is when nothing says that it is complete
};

// Watches the files of one directory and tells which of them changed. A file counts as changed when
// its identity (of what its links lead to) does, however that came about: written in place, renamed
// over, relinked, touched.
//
// A file is reported when it is complete as far as can be known: its writer closed it, it was
// renamed into place, or it stayed as it is for `settle`; a removal likewise after `settle`, so
// that "remove, then create" is one change. inotify makes it quick, a rescan every
// `rescan_interval` makes it certain (lost events, network file systems, links). Changes in between
// are coalesced: each Poll gives a file at most once, as it is then. While the directory itself is
// missing or not readable nothing counts as removed; problem() says so, and what is there when it
// is back is compared with what was reported last.
//
// One thread. Never blocks but on the file system's metadata.
class DirectoryWatch {
 public:
  // The directory may be missing still. kRetriable when the system gives no inotify instance.
  static Result<std::unique_ptr<DirectoryWatch>> Open(WatchOptions options);

  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;

  // Readable when Poll has something to do, be it a look at the clock. Poll makes it unreadable.
  int fd() const { return epoll_.get(); }

  // What changed since the last call, by name. The first call gives what is there.
  std::vector<Change> Poll();

  // Files outside the directory (a path, absolute or relative to it) to be watched as well, in
  // place of those given before. A file that is no longer wanted is forgotten without a report.
  void WatchAlso(std::set<std::string> paths);

  // Why the directory cannot be watched now; empty when it can.
  const std::string& problem() const { return problem_; }

 private:
  struct File {
    std::optional<FileIdentity> reported;
    std::optional<FileIdentity> seen;  // absent: the file is not there
    SteadyTime seen_at;                // since when it is as seen
  };
  struct Found {
    FileIdentity identity;
    bool is_link = false;
  };
  using Listing = std::map<std::string, Found>;

  explicit DirectoryWatch(WatchOptions options) : options_(std::move(options)) {}
  void ReadEvents();
  void AddWatch();
  bool List(Listing* listing);
  void Look(const std::string& name, const std::string& path, Listing* listing) const;
  bool Wanted(const std::string& name) const;
  bool Complete(const std::string& name, const File& file, bool is_link, SteadyTime now) const;
  std::vector<Change> Compare(const Listing& listing, SteadyTime now);
  void ArmTimer(bool unsettled);

  WatchOptions options_;
  UniqueFd inotify_;
  UniqueFd timer_;
  UniqueFd epoll_;
  int watch_ = -1;
  FileIdentity watched_;  // device and inode of the directory under watch
  std::set<std::string> also_;
  std::map<std::string, File> files_;
  std::set<std::string> closed_;  // names whose writer is done, since the last Poll
  bool any_links_ = false;
  std::string problem_;
};

}  // namespace millrace::function
