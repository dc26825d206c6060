# SPDX-License-Identifier: Apache-2.0
import tempfile
import unittest
from pathlib import Path

import include_table

TABLE = """
function(millrace_layer name)
endfunction()
millrace_layer(base LIBS Boost::boost)
millrace_layer(state USES base)  # millrace_layer(comment USES nothing)
millrace_layer(commit USES base)
millrace_layer(redis USES base state commit LIBS hiredis)
millrace_layer(kafka USES base commit)
millrace_layer(cli USES base)
"""


class IncludeTableTest(unittest.TestCase):
    def findings(self, path: str, text: str, table: str = TABLE) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, content in (("host/CMakeLists.txt", table), (path, text)):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(content)
            return include_table.check(root)

    def test_ReadsUsesButNotLibraries(self):
        table = include_table.read_table(TABLE)
        self.assertEqual(table["redis"], {"base", "state", "commit"})
        self.assertEqual(set(table), {"base", "state", "commit", "redis", "kafka", "cli"})

    def test_AllowsWhatTheTableNames(self):
        text = '#include <vector>\n#include "redis/own.h"\n#include "state/cache.h"\n'
        self.assertEqual(self.findings("host/redis/a.cc", text), [])
        self.assertEqual(self.findings("host/main.cc", '#include "cli/run.h"\n'), [])
        self.assertEqual(self.findings("tests/unit/a.cc", '#include "state/cache.h"\n'), [])

    def test_RefusesALayerThatTheTableDoesNotName(self):
        found = self.findings("host/kafka/a.cc", '\n#  include "state/cache.h"\n')
        self.assertEqual(len(found), 1)
        self.assertIn("host/kafka/a.cc:2: layer kafka may not include state", found[0])

    def test_RefusesUnknownFoldersAndRelativePaths(self):
        self.assertIn("names no layer", self.findings("host/state/a.h", '#include "x/y.h"\n')[0])
        self.assertIn("relative to host/", self.findings("host/state/a.h", '#include "y.h"\n')[0])
        self.assertIn("has no line", self.findings("host/other/a.h", "")[0])

    def test_KeepsThirdPartyHeadersInTheirLayers(self):
        for layer, header in (("redis", "librdkafka/rdkafka.h"), ("kafka", "hiredis/hiredis.h"),
                              ("redis", "boost/beast/http.hpp"), ("state", "yaml-cpp/yaml.h"),
                              ("state", "dlfcn.h"), ("cli", "seccomp.h"), ("base", "CLI/CLI.hpp"),
                              ("base", "prometheus/registry.h"), ("base", "spdlog/spdlog.h"),
                              ("base", "openssl/ssl.h"), ("cli", "nlohmann/json.hpp")):
            with self.subTest(header=header):
                found = self.findings(f"host/{layer}/a.cc", f"#include <{header}>\n")
                self.assertEqual(len(found), 1)
                self.assertIn(f"not by {layer}", found[0])
        self.assertEqual(self.findings("host/kafka/a.cc", "#include <librdkafka/rdkafka.h>\n"), [])

    def test_RefusesAHostHeaderInSdkAndFunctions(self):
        for folder in ("function-sdk/include/millrace", "functions"):
            for header in ('"base/slice.h"', '"host/base/slice.h"', "<host/base/slice.h>"):
                self.assertEqual(len(self.findings(f"{folder}/a.h", f"#include {header}\n")), 1)

    def test_RefusesATableWithACycle(self):
        table = "millrace_layer(base USES model)\nmillrace_layer(model USES base)\n"
        self.assertIn("base, model form a cycle", self.findings("host/base/a.h", "", table)[0])

    def test_RefusesStagesAndAdaptersThatNameEachOther(self):
        table = TABLE.replace("state USES base", "state USES base commit")
        self.assertIn("stage state names stage commit", self.findings("x.h", "", table)[0])
        table = TABLE.replace("kafka USES base", "kafka USES base redis")
        self.assertIn("adapter kafka names adapter redis", self.findings("x.h", "", table)[0])

    def test_RefusesATableThatNamesAnUnknownLayer(self):
        table = TABLE.replace("cli USES base", "cli USES base nowhere")
        self.assertIn("nowhere, which is no layer", self.findings("x.h", "", table)[0])

    def test_RefusesASourceThatDoesNotIncludeItsOwnHeaderFirst(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "a.h").write_text("")
            for text, count in (('#include "a.h"\n#include <map>\n', 0),
                                ('#include "x/a.h"\n', 0), ("int a;\n", 1),
                                ('#include <map>\n#include "a.h"\n', 1)):
                (Path(folder) / "a.cc").write_text(text)
                self.assertEqual(len(include_table.check_own_header(Path(folder))), count)

    def test_SkipsIncludesInComments(self):
        text = '// #include "kafka/a.h"\n/*\n#include "kafka/a.h"\n*/\n'
        self.assertEqual(self.findings("host/state/a.h", text), [])
