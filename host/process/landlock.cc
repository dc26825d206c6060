// SPDX-License-Identifier: Apache-2.0
#include "process/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/unique_fd.h"
#include "process/system_file.h"

namespace millrace::process {
namespace {

// glibc has no functions for these calls, and the kernel's header of Debian 12 ends with version 2.
// The layout and the numbers are the kernel's, which takes a longer structure whose rest is zero.
struct Ruleset {
  uint64_t handled_access_fs = 0;
  uint64_t handled_access_net = 0;
  uint64_t scoped = 0;
};
constexpr uint64_t kTruncate = 1ULL << 14;    // version 3
constexpr uint64_t kScopeSignal = 1ULL << 1;  // version 6

constexpr uint64_t kWritesOfFirst = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                    LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

Result<int> Version() {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, size_t{0}, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi >= 1) return static_cast<int>(abi);
  if (errno == ENOSYS) return Fatal("the kernel has none");
  if (errno == EOPNOTSUPP) return Fatal("it is switched off at boot");
  return SystemError("landlock_create_ruleset", errno);
}

Status Allow(int ruleset, const std::string& dir, uint64_t rights) {
  const UniqueFd parent(::open(dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!parent) return SystemError(dir, errno);
  const landlock_path_beneath_attr beneath{.allowed_access = rights, .parent_fd = parent.get()};
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0)
    return SystemError(dir + ": landlock_add_rule", errno);
  return {};
}

}  // namespace

LandlockRights RightsOf(int abi) {
  LandlockRights rights{.writes = kWritesOfFirst, .device_writes = LANDLOCK_ACCESS_FS_WRITE_FILE};
  // Version 1 refuses every rename into another directory, in the writable tree as well.
  if (abi >= 2) rights.writes |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) rights.writes |= kTruncate;
  if (abi >= 6) rights.scopes |= kScopeSignal;
  return rights;
}

Result<int> RestrictWrites(const std::string& writable_dir) {
  const auto abi = Version();
  if (!abi) return abi.error();
  const LandlockRights rights = RightsOf(*abi);
  const Ruleset handled{.handled_access_fs = rights.writes, .scoped = rights.scopes};
  const UniqueFd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0)));
  if (!ruleset) return SystemError("landlock_create_ruleset", errno);
  if (const auto own = Allow(ruleset.get(), writable_dir, rights.writes); !own) return own.error();
  if (const auto dev = Allow(ruleset.get(), "/dev", rights.device_writes); !dev) return dev.error();
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0)
    return SystemError("landlock_restrict_self", errno);
  return *abi;
}

}  // namespace millrace::process
