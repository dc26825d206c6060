# SPDX-License-Identifier: Apache-2.0
import contextlib
import io
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import formatting


class FormattingTest(unittest.TestCase):
    def tree_with(self, text: str) -> Path:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        root = Path(folder.name)
        (root / ".clang-format").write_text("BasedOnStyle: Google\n")
        (root / "a.cc").write_text(text)
        return root

    @unittest.skipUnless(formatting.pinned_clang_format(), "the pinned clang-format is missing")
    def test_RefusesBadFormatAndMendsIt(self):
        clang_format = formatting.pinned_clang_format()
        root = self.tree_with("int  main( ){return 0 ;}\n")
        self.assertNotEqual(formatting.check(clang_format, root), 0)
        self.assertEqual(formatting.check(clang_format, root, fix=True), 0)
        self.assertEqual(formatting.check(clang_format, root), 0)
        self.assertEqual((root / "a.cc").read_text(), "int main() { return 0; }\n")

    def test_AnotherVersionIsNotThePinnedOne(self):
        root = self.tree_with("")
        other = root / "clang-format"
        other.write_text("#!/bin/sh\necho 'Debian clang-format version 19.1.7'\n")
        other.chmod(0o755)
        with mock.patch.dict(os.environ, {"PATH": f"{root}"}):
            self.assertEqual(formatting.pinned_clang_format(), "")

    def test_SkipsLoudlyWithoutThePinnedVersion(self):
        with mock.patch.object(formatting, "pinned_clang_format", lambda: ""), \
                contextlib.redirect_stdout(io.StringIO()) as out:
            self.assertEqual(formatting.main(), formatting.SKIPPED)
        self.assertIn("NOT checked", out.getvalue())
