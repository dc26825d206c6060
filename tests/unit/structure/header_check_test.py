# SPDX-License-Identifier: Apache-2.0
import subprocess
import tempfile
import unittest
from pathlib import Path

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(headers LANGUAGES C CXX)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_C_STANDARD 11)
add_compile_options(-Wall -Wextra -Wpedantic -Werror)
include({include})
file(GLOB_RECURSE headers ${{CMAKE_SOURCE_DIR}}/*.h)
millrace_check_headers(headers HEADERS ${{headers}})
"""


class HeaderCheckTest(unittest.TestCase):
    def build(self, headers: dict[str, str]) -> subprocess.CompletedProcess:
        """Builds the check of these headers in a project of their own."""
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            include = Path(__file__).with_name("header_check.cmake").resolve()
            (root / "CMakeLists.txt").write_text(PROJECT.format(include=include))
            for name, text in headers.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            configure = subprocess.run(["cmake", "-G", "Ninja", "-S", root, "-B", root / "build"],
                                       capture_output=True, text=True)
            self.assertEqual(configure.returncode, 0, configure.stdout + configure.stderr)
            return subprocess.run(["cmake", "--build", root / "build", "--target", "headers"],
                                  capture_output=True, text=True)

    def test_RefusesAHeaderThatLeansOnOthers(self):
        result = self.build({"lean.h": "#pragma once\nstd::string Name();\n"})
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("lean.h:2", result.stdout)

    def test_RefusesAnAbiHeaderThatIsNoC11(self):
        result = self.build({"abi/cpp_only.h": "#pragma once\nnamespace a { int b(); }\n"})
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("abi/cpp_only.h:2", result.stdout)

    def test_LeavesAHeaderToTheSourceBesideIt(self):
        result = self.build({"a.h": "std::string Name();\n", "a.cc": "", "b.h": "#pragma once\n"})
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertNotIn("a.h", result.stdout)

    def test_AcceptsHeadersThatStandAlone(self):
        result = self.build({
            "good.h": "#pragma once\n#include <string>\nstd::string Name();\n",
            "abi/good.h": "#pragma once\n#include <stdint.h>\nuint8_t number(void);\n"})
        self.assertEqual(result.returncode, 0, result.stdout)
