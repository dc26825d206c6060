# SPDX-License-Identifier: Apache-2.0
import tempfile
import unittest
from pathlib import Path

import text_rules

LICENCE = "SPDX-License-Identifier: Apache-2.0"


class TextRulesTest(unittest.TestCase):
    def findings(self, path: str, text: str) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / path).write_text(text)
            return text_rules.check(Path(folder))

    def test_AcceptsTheLicenceOnTheFirstLine(self):
        self.assertEqual(self.findings("a.cc", f"// {LICENCE}\nint a;\n"), [])
        self.assertEqual(self.findings("run", f"#!/bin/sh\n# {LICENCE}\n"), [])
        self.assertEqual(self.findings("notes.txt", "no licence needed\n"), [])

    def test_RefusesAMissingOrLateLicence(self):
        for name in ("a.h", "a.cc", "a.c", "a.py", "a.cmake", "CMakeLists.txt", "Dockerfile"):
            with self.subTest(name=name):
                self.assertEqual(len(self.findings(name, f"\n# {LICENCE}\n")), 1)
                self.assertEqual(len(self.findings(name, "")), 1)
        self.assertIn("run:2:", self.findings("run", "#!/bin/sh\ntrue\n")[0])

    def test_RefusesMarksOfUnfinishedWork(self):
        for word in ("TO" + "DO", "FIX" + "ME", "XX" + "X"):
            with self.subTest(word=word):
                self.assertIn("a.txt:2:", self.findings("a.txt", f"fine\nthen {word}(me): x\n")[0])

    def test_AcceptsWordsThatOnlyContainAMark(self):
        self.assertEqual(self.findings("a.txt", "mktemp /tmp/a.XX" + "XXXX; TO" + "DOS\n"), [])
