// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"

namespace millrace::process {

// From here on the calling thread, and every thread that it starts, is refused by the kernel
// (seccomp):
// - new processes and programs; threads are made as before
// - signals to anything but its own process, and to a thread by its number alone, without its
// process
// - reading or stepping other processes
// - raising or setting limits; looking them up stays allowed
// - mounts, namespaces, kernel modules, restarting the machine
// A refused call fails with EPERM; clone3 fails with ENOSYS, because its flags are out of a
// filter's reach and the C library then takes clone. Everything else is allowed.
//
// Sets no_new_privs. Failed: nothing is refused; the kernel has no filters, or does not allow them.
Status RestrictSystemCalls();

}  // namespace millrace::process
