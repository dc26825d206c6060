# SPDX-License-Identifier: Apache-2.0
"""What processes and the machine have used, as /proc tells it."""
import dataclasses
import os
import time
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PROBE_STEPS = 2_000_000


@dataclasses.dataclass(frozen=True)
class Usage:
    """Of some processes together, over their lives so far."""
    cpu_s: float = 0.0
    written_bytes: int = 0  # What they caused to be written to storage.
    peak_bytes: int = 0     # Highest resident sizes, summed.

    def __sub__(self, before: "Usage") -> "Usage":
        """What was used since then; the peak stays that of the whole life."""
        return Usage(self.cpu_s - before.cpu_s, self.written_bytes - before.written_bytes,
                     self.peak_bytes)


def with_children(pid: int) -> list[int]:
    """The process and those that it has started and that live."""
    family = [pid]
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                family += with_children(int(child))
    except (FileNotFoundError, ProcessLookupError):
        pass  # It has ended.
    return family


def usage(pids: list[int]) -> Usage:
    """A process that has ended counts nothing."""
    total = Usage()
    for pid in pids:
        try:
            one = _usage_of(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
        total = Usage(total.cpu_s + one.cpu_s, total.written_bytes + one.written_bytes,
                      total.peak_bytes + one.peak_bytes)
    return total


def _usage_of(pid: int) -> Usage:
    folder = Path(f"/proc/{pid}")
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    # utime, stime and those of children that were waited for: Redis' rewrites are children.
    ticks = sum(int(field) for field in fields[11:15])
    return Usage(ticks / TICKS_PER_S, _number(folder / "io", "write_bytes:"),
                 _number(folder / "status", "VmHWM:") * 1024)


def _number(file: Path, name: str) -> int:
    for line in file.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0


def resident_bytes(pids: list[int]) -> int:
    return sum(_number(Path(f"/proc/{pid}/status"), "VmRSS:") * 1024 for pid in pids)


@dataclasses.dataclass(frozen=True)
class MachineTime:
    busy_s: float   # All processors, whatever ran.
    steal_s: float  # What a hypervisor gave to others.

    def __sub__(self, before: "MachineTime") -> "MachineTime":
        return MachineTime(self.busy_s - before.busy_s, self.steal_s - before.steal_s)


def machine_time() -> MachineTime:
    fields = [int(f) for f in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields[:8]
    return MachineTime((user + nice + system + irq + softirq) / TICKS_PER_S, steal / TICKS_PER_S)


def spin_probe_s() -> float:
    """Seconds that a fixed loop takes: the speed of one processor at this moment."""
    began = time.perf_counter()
    value = 0
    for step in range(PROBE_STEPS):
        value ^= step
    return time.perf_counter() - began


def pin(pids: list[int], processors: set[int]) -> None:
    """Every thread that the processes have now; later ones inherit it."""
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), processors)


def processor_count() -> int:
    return os.cpu_count() or 1


def describe() -> dict[str, str]:
    model = next((line.partition(":")[2].strip()
                  for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "unknown")
    memory = _number(Path("/proc/meminfo"), "MemTotal:") / 1024 / 1024
    return {"processor": model, "processors": str(os.cpu_count()),
            "memory": f"{memory:.0f} GiB", "kernel": os.uname().release}
