// SPDX-License-Identifier: Apache-2.0
#include "process/system_calls.h"

#include <sched.h>
#include <seccomp.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "process/system_file.h"

namespace millrace::process {
namespace {

using Filter = std::unique_ptr<void, decltype(&::seccomp_release)>;

// None of these has a use in a function's process.
constexpr int kRefused[] = {
    // Processes and programs; a pidfd tells a filter nothing of whom it stands for.
    SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(pidfd_send_signal),
    // Limits.
    SCMP_SYS(setrlimit),
    // The tree of files, and namespaces.
    SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot),
    SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(fsopen), SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(mount_setattr), SCMP_SYS(swapon),
    SCMP_SYS(swapoff), SCMP_SYS(setns), SCMP_SYS(unshare),
    // The machine.
    SCMP_SYS(reboot), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(init_module),
    SCMP_SYS(finit_module), SCMP_SYS(delete_module)};

// Their first argument says which process is meant, in tkill which thread: the first one's number
// is the process'.
constexpr int kSignals[] = {SCMP_SYS(kill), SCMP_SYS(tkill), SCMP_SYS(tgkill),
                            SCMP_SYS(rt_sigqueueinfo), SCMP_SYS(rt_tgsigqueueinfo)};

// Each gives 0 or a negative errno, as libseccomp does.
int RefuseAlways(scmp_filter_ctx filter) {
  for (const int call : kRefused)
    if (const int code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0)) return code;
  return 0;
}

int RefuseProcesses(scmp_filter_ctx filter) {
  const scmp_arg_cmp no_thread{
      .arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = CLONE_THREAD, .datum_b = 0};
  if (const int code =
          seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, no_thread))
    return code;
  return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

int RefuseSignalsToOthers(scmp_filter_ctx filter) {
  const scmp_arg_cmp other{
      .arg = 0, .op = SCMP_CMP_NE, .datum_a = static_cast<scmp_datum_t>(::getpid()), .datum_b = 0};
  for (const int call : kSignals)
    if (const int code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 1, other))
      return code;
  return 0;
}

int RefuseNewLimits(scmp_filter_ctx filter) {
  const scmp_arg_cmp sets{.arg = 2, .op = SCMP_CMP_NE, .datum_a = 0, .datum_b = 0};
  return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prlimit64), 1, sets);
}

int BuildAndLoad(scmp_filter_ctx filter) {
  // Calls by another convention (32 bits) have other numbers; the default would end the thread.
  int code = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
  if (code == 0) code = RefuseAlways(filter);
  if (code == 0) code = RefuseProcesses(filter);
  if (code == 0) code = RefuseSignalsToOthers(filter);
  if (code == 0) code = RefuseNewLimits(filter);
  return code == 0 ? seccomp_load(filter) : code;
}

}  // namespace

Status RestrictSystemCalls() {
  const Filter filter(seccomp_init(SCMP_ACT_ALLOW), &::seccomp_release);
  if (!filter) return Fatal("libseccomp knows no filter for this machine");
  if (const int code = BuildAndLoad(filter.get())) return SystemError("seccomp filter", -code);
  return {};
}

}  // namespace millrace::process
