# SPDX-License-Identifier: Apache-2.0
"""Processes that outlive the command that started them, and are never mistaken for others.

A process is known by its pid together with its start time and the machine's boot, so a recycled
pid is never signalled. Every process also carries the stack's id in its environment: that finds
one that was started but not yet written down when the starter was killed.
"""
import dataclasses
import os
import signal
import subprocess
import time
from pathlib import Path

from .errors import StackError

STACK_ID_VARIABLE = "MILLRACE_STACK_ID"
POLL_INTERVAL_S = 0.02


@dataclasses.dataclass(frozen=True)
class ProcessId:
    pid: int
    start_ticks: int
    boot: str


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _stat_fields(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the command name (state first), or None if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def identify(pid: int) -> ProcessId | None:
    fields = _stat_fields(pid)
    return ProcessId(pid, int(fields[19]), _boot_id()) if fields else None


def state_of(process: ProcessId | None) -> str:
    """'running', 'paused' or 'stopped'. A zombie is stopped: it holds no port and no file."""
    if process is None or process.boot != _boot_id():
        return "stopped"
    _reap(process.pid)
    fields = _stat_fields(process.pid)
    if not fields or int(fields[19]) != process.start_ticks or fields[0] in "ZX":
        return "stopped"
    return "paused" if fields[0] in "Tt" else "running"


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # Started by another command: init reaps it.


def spawn(command: list[str], output: Path, stack_id: str) -> ProcessId:
    """Starts `command` in a session of its own, holding none of the caller's descriptors."""
    environment = dict(os.environ, **{STACK_ID_VARIABLE: stack_id})
    with open(output, "ab") as log:
        try:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                     start_new_session=True, env=environment)
        except FileNotFoundError:
            raise StackError(f"{command[0]} is not installed; "
                             "script/bootstrap installs it") from None
    process = identify(child.pid)
    child.returncode = 0  # Only state_of() reaps it from here on.
    if process is None:
        raise StackError(f"{command[0]} ended at once; see {output}")
    return process


def send(process: ProcessId, number: signal.Signals) -> bool:
    """Signals exactly this process; False if it is gone."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        if state_of(process) == "stopped":
            return False
        signal.pidfd_send_signal(descriptor, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)


def wait_for_state(process: ProcessId, states: set[str], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while state_of(process) not in states:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_INTERVAL_S)
    return True


def find_marked(stack_id: str) -> list[ProcessId]:
    """All living processes of this user that carry the stack's id."""
    mark = f"{STACK_ID_VARIABLE}={stack_id}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        process = identify(int(entry.name))
        try:
            marked = mark in (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if process and marked and state_of(process) != "stopped":
            found.append(process)
    return found
