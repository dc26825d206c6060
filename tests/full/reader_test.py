# SPDX-License-Identifier: Apache-2.0
import unittest
from contextlib import ExitStack
from pathlib import Path

from dockerfile import Build, Instruction, parse
from fresh_root import mirror


class ReaderTest(unittest.TestCase):
    def test_JoinsContinuedLinesAndSkipsComments(self):
        text = "# a comment\nFROM debian:x-slim AS build\n\nrun one && \\\n    # between\n    two\n"
        self.assertEqual(parse(text), [Instruction("FROM", "debian:x-slim AS build", 2),
                                       Instruction("RUN", "one &&  two", 4)])

    def test_RefusesAnInstructionThatItDoesNotKnow(self):
        with ExitStack() as roots, self.assertRaisesRegex(ValueError, "Dockerfile:7: ONBUILD"):
            Build(Path(), roots).execute([Instruction("ONBUILD", "RUN x", 7)])

    def test_RefusesAnImageThatCannotBeMade(self):
        with ExitStack() as roots, self.assertRaisesRegex(ValueError, "FROM alpine"):
            Build(Path(), roots).execute([Instruction("FROM", "alpine:3", 1)])

    def test_FindsTheMirrorInBothFormsOfSources(self):
        stanza = "Types: deb\nURIs: http://mirror/debian-security\n\nURIs: http://mirror/debian/\n"
        self.assertEqual(mirror(stanza), "http://mirror/debian")
        line = "# deb http://old/debian x main\ndeb [signed-by=/k] http://mirror/debian x main\n"
        self.assertEqual(mirror(line), "http://mirror/debian")
        self.assertEqual(mirror("deb http://mirror/ubuntu x main\n"), "")
