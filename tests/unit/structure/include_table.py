# SPDX-License-Identifier: Apache-2.0
"""Checks every #include against the include table of the layers (host/CMakeLists.txt).

The table itself is checked too: no cycle, no unknown layer, stages do not name each other, and
neither do adapters. Third-party headers stay in the layers that THIRD_PARTY names. A source
includes its own header first, which proves that the header compiles alone (header_check.cmake
relies on it).
"""

import re
import sys
from pathlib import Path

import tree

STAGES = ("ingest", "state", "invoke", "effects", "commit")
ADAPTERS = ("kafka", "redis", "http", "embedded")
# host/main.cc is the program: it sees the command line and the ground floor, nothing else.
PROGRAM_USES = {"cli", "base"}
# The first parts of a header's path, and the layers that may include it.
THIRD_PARTY = {
    "librdkafka/": {"kafka", "embedded"},
    "hiredis/": {"redis"},
    "boost/beast": {"http"},
    "yaml-cpp/": {"config"},
    "seccomp.h": {"process"},
    "linux/landlock.h": {"process"},
    "dlfcn.h": {"function"},
    "CLI/": {"cli"},
    "prometheus/": {"observe"},
    "spdlog/": {"observe"},
    "fmt/": {"observe"},
    "openssl/": {"kafka", "redis", "http", "function"},
    "xxhash.h": {"state"},
    "nlohmann/": set(),
    "gtest/": set(),
    "gmock/": set(),
}
SDK_PREFIX = "millrace/"

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


def read_table(text: str) -> dict[str, set[str]]:
    """Layer -> the layers that it may include, from the millrace_layer(...) lines."""
    text = re.sub(r"#[^\n]*", "", text)
    table = {}
    for arguments in re.findall(r"\bmillrace_layer\(([^)]*)\)", text):
        words = arguments.split()
        if words[0] == "name":  # the definition: function(millrace_layer name)
            continue
        uses, listing = set(), False
        for word in words[1:]:
            if word in ("USES", "LIBS"):
                listing = word == "USES"
            elif listing:
                uses.add(word)
        table[words[0]] = uses
    return table


def check_table(table: dict[str, set[str]]) -> list[str]:
    where = "host/CMakeLists.txt: "
    findings = []
    for layer, uses in table.items():
        for used in sorted(uses - table.keys()):
            findings.append(f"{where}layer {layer} uses {used}, which is no layer")
        for kind, group in (("stage", STAGES), ("adapter", ADAPTERS)):
            for used in sorted(uses & set(group)) if layer in group else []:
                findings.append(f"{where}{kind} {layer} names {kind} {used}; only lane and app may")
    return findings + find_cycles(table, where)


def find_cycles(table: dict[str, set[str]], where: str) -> list[str]:
    """Takes away layers whose uses are all gone; what stays lies on a cycle or behind one."""
    left = {layer: uses & table.keys() for layer, uses in table.items()}
    while ready := [layer for layer, uses in left.items() if not uses & left.keys()]:
        for layer in ready:
            del left[layer]
    return [f"{where}the layers {', '.join(sorted(left))} form a cycle"] if left else []


def includes_of(text: str) -> list[tuple[int, str, str]]:
    """(line, '<' or '"', path) of every #include that is not inside a comment."""
    blank = COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    return [(blank.count("\n", 0, match.start()) + 1, match[1], match[2])
            for match in INCLUDE.finditer(blank)]


def check_host_include(layer: str, quote: str, path: str, table: dict[str, set[str]]) -> str:
    """Why a file of this layer must not include path; empty if it may."""
    for prefix, layers in THIRD_PARTY.items():
        if path.startswith(prefix) and layer not in layers:
            allowed = ", ".join(sorted(layers)) or "no layer of the host"
            return f"<{path}> may be included by {allowed}, not by {layer}"
    if quote == "<" or path.startswith(SDK_PREFIX):
        return ""
    if "/" not in path:
        return f'"{path}" must be written relative to host/, as "{layer}/{path}"'
    target = path.split("/")[0]
    if target not in table:
        return f'"{path}" names no layer of host/CMakeLists.txt'
    if target != layer and target not in table[layer]:
        return f"layer {layer} may not include {target} (\"{path}\"); see host/CMakeLists.txt"
    return ""


def check_sdk_include(quote: str, path: str, table: dict[str, set[str]]) -> str:
    """Why the SDK or an example function must not include path; empty if it may."""
    if path.split("/")[0] == "host" or (quote == '"' and path.split("/")[0] in table):
        return f'"{path}" belongs to the host; a function sees millrace/... only'
    return ""


def check_own_header(root: Path) -> list[str]:
    findings = []
    for path in tree.code_files(root):
        own = path.with_suffix(".h")
        if path.suffix == ".cc" and (root / own).exists():
            first = includes_of(tree.read(root / path))[:1]
            if not first or Path(first[0][2]).name != own.name:
                line = first[0][0] if first else 1
                findings.append(f"{path}:{line}: the first #include must be its own {own.name}")
    return findings


def check(root: Path) -> list[str]:
    table = read_table(tree.read(root / "host/CMakeLists.txt"))
    findings = check_table(table) + check_own_header(root)
    rows = dict(table, main=PROGRAM_USES)
    for path in tree.code_files(root):
        folder = path.parts[0]
        if folder not in ("host", "function-sdk", "functions"):
            continue
        layer = path.parts[1] if len(path.parts) > 2 else path.stem
        if folder == "host" and layer not in rows:
            findings.append(f"{path}:1: host/{layer} has no line in host/CMakeLists.txt")
            continue
        for line, quote, include in includes_of(tree.read(root / path)):
            why = (check_host_include(layer, quote, include, rows) if folder == "host"
                   else check_sdk_include(quote, include, table))
            if why:
                findings.append(f"{path}:{line}: {why}")
    return findings


if __name__ == "__main__":
    sys.exit(tree.report(check))
