# SPDX-License-Identifier: Apache-2.0
"""Fresh Debian systems in a folder, to run commands in as if on a new machine.

Every command runs in mount and process namespaces of its own: its mounts and whatever process it
leaves behind end with it, so there is nothing to unmount.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

SKIPPED = 77
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What a network behind a proxy needs; nothing else of the environment comes along.
PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def missing() -> str:
    """Why no fresh root can be made here; empty if it can."""
    if os.geteuid() != 0:
        return "a fresh root needs root"
    if not shutil.which("debootstrap"):
        return "debootstrap is not installed; script/bootstrap full installs it"
    if not mirror(apt_sources()):
        return "apt's sources name no Debian mirror"
    return ""


def apt_sources() -> str:
    folder = Path("/etc/apt/sources.list.d")
    paths = [Path("/etc/apt/sources.list"), *sorted(folder.glob("*.list")),
             *sorted(folder.glob("*.sources"))]
    return "\n".join(path.read_text() for path in paths if path.exists())


def mirror(sources: str) -> str:
    """The first address of a Debian archive in apt's sources, in either of their forms."""
    one_line = r"^deb\s+(?:\[[^]]*\]\s+)?(\S+/debian)/?\s"
    stanza = r"^URIs:\s*(\S+/debian)/?(?:\s|$)"
    found = re.search(f"{one_line}|{stanza}", sources, re.MULTILINE)
    return (found[1] or found[2]) if found else ""


def copy_project(project: Path, target: Path) -> None:
    """Copies the project as a clone has it: without what .dockerignore names."""
    patterns = (project / ".dockerignore").read_text().split()
    names = [pattern.removeprefix("**/") for pattern in patterns]
    shutil.copytree(project, target, ignore=shutil.ignore_patterns(*names), symlinks=True,
                    dirs_exist_ok=True)


def remove_leftovers() -> None:
    """Removes the folders of test runs that were killed before they could."""
    for folder in Path("/var/tmp").glob("millrace-root-*-*"):
        if not Path("/proc", folder.name.split("-")[2]).exists():
            shutil.rmtree(folder)


class FreshRoot:
    """A root file system in a temporary folder; the folder goes when the `with` ends."""

    def __enter__(self) -> "FreshRoot":
        remove_leftovers()
        self._folder = tempfile.mkdtemp(prefix=f"millrace-root-{os.getpid()}-", dir="/var/tmp")
        self.path = Path(self._folder, "root")
        return self

    def __exit__(self, *_) -> None:
        shutil.rmtree(self._folder)

    def install(self, release: str) -> None:
        """Makes it a minimal Debian of that release, with this machine's name servers."""
        print(f"== debootstrap {release}", flush=True)
        log = Path(self._folder, "debootstrap.log")
        command = ["unshare", "--mount", "debootstrap", "--variant=minbase", release,
                   str(self.path), mirror(apt_sources())]
        with log.open("w") as out:
            code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT).returncode
        if code != 0:
            raise RuntimeError(f"debootstrap {release} failed:\n{log.read_text()[-2000:]}")
        shutil.copyfile("/etc/resolv.conf", self.path / "etc/resolv.conf")

    def copy_of(self, other: "FreshRoot") -> None:
        subprocess.run(["cp", "-a", str(other.path), str(self.path)], check=True)

    def inside(self, path: str) -> Path:
        """Where a path of the root lies on this machine."""
        return self.path / path.lstrip("/")

    def run(self, command: list[str], folder: str = "/", user: str = "root") -> None:
        """Runs it in the root with its output shown; raises CalledProcessError if it fails."""
        environment = [f"PATH={SYSTEM_PATH}", f"USER={user}", "LANG=C.UTF-8",
                       *(f"{name}={os.environ[name]}" for name in PASSED_ON if name in os.environ)]
        subprocess.run(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child",
             f"--mount-proc={self.path}/proc", "chroot", f"--userspec={user}", str(self.path),
             "env", "-i", *environment, "sh", "-c", 'cd "$0" && exec "$@"', folder, *command],
            check=True)
