# SPDX-License-Identifier: Apache-2.0
"""Reads a Dockerfile and executes its stages in fresh roots, for machines without containers.

It knows the instructions that this project uses; any other one is an error, never skipped.
"""

import json
import re
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from fresh_root import FreshRoot, copy_project

BASE_IMAGE = re.compile(r"debian:(\w+)-slim")


class Instruction(NamedTuple):
    word: str
    rest: str
    line: int


def parse(text: str) -> list[Instruction]:
    instructions, pending, start = [], "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or not line.strip():
            continue
        start = start if pending else number
        pending += line.strip()
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            continue
        word, _, rest = pending.partition(" ")
        instructions.append(Instruction(word.upper(), rest.strip(), start))
        pending = ""
    return instructions


class Stage:
    """A stage being built: its root, and what later instructions of it start from."""

    def __init__(self, root: FreshRoot):
        self.root = root
        self.folder = "/"
        self.user = "root"
        self.entrypoint: list[str] = []
        self.command: list[str] = []

    def run(self, command: list[str]) -> None:
        self.root.run(command, self.folder, self.user)


class Build:
    """Executes a Dockerfile; its roots live as long as the ExitStack."""

    def __init__(self, project: Path, roots: ExitStack):
        self._project = project
        self._roots = roots
        self._images: dict[str, FreshRoot] = {}
        self._stages: dict[str, Stage] = {}
        self._stage: Stage

    def execute(self, instructions: list[Instruction]) -> Stage:
        """Answers the last stage, which is the image."""
        actions = {"FROM": self._from, "COPY": self._copy, "RUN": self._run, "USER": self._user,
                   "WORKDIR": self._workdir, "ENTRYPOINT": self._entrypoint, "CMD": self._command}
        for instruction in instructions:
            print(f"== Dockerfile:{instruction.line}: {instruction.word} {instruction.rest}",
                  flush=True)
            if instruction.word not in actions:
                raise ValueError(f"Dockerfile:{instruction.line}: {instruction.word} is not known "
                                 "here; teach it to tests/full/dockerfile.py")
            actions[instruction.word](instruction.rest)
        return self._stage

    def _from(self, rest: str) -> None:
        image, _, name = rest.partition(" AS ")
        if image not in self._images:
            release = BASE_IMAGE.fullmatch(image)
            if not release:
                raise ValueError(f"FROM {image}: only debian:<release>-slim can be made here")
            self._images[image] = self._roots.enter_context(FreshRoot())
            self._images[image].install(release[1])
        root = self._roots.enter_context(FreshRoot())
        root.copy_of(self._images[image])
        self._stage = self._stages[name or image] = Stage(root)

    def _copy(self, rest: str) -> None:
        *sources, target = rest.split()
        origin = self._project
        if sources[0].startswith("--from="):
            origin = self._stages[sources.pop(0).removeprefix("--from=")].root.path
        inside = self._stage.root.inside(str(Path(self._stage.folder, target)))
        for source in (origin / source.lstrip("/") for source in sources):
            if source.is_dir():
                copy_project(source, inside)
            else:
                into_folder = target.endswith("/") or inside.is_dir()
                destination = inside / source.name if into_folder else inside
                destination.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, destination)

    def _run(self, rest: str) -> None:
        self._stage.run(["/bin/sh", "-c", rest])

    def _user(self, rest: str) -> None:
        self._stage.user = rest

    def _workdir(self, rest: str) -> None:
        self._stage.folder = rest
        self._stage.root.inside(rest).mkdir(parents=True, exist_ok=True)

    def _entrypoint(self, rest: str) -> None:
        self._stage.entrypoint = json.loads(rest)

    def _command(self, rest: str) -> None:
        self._stage.command = json.loads(rest)
