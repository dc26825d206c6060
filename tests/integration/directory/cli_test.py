# SPDX-License-Identifier: Apache-2.0
"""The commands: what they print, their exit codes, and what this version refuses by name."""
import hashlib
import json
import os

from directory_support import FolderTest, example, hostile, marked, run

USAGE, CONFIGURATION = 2, 78
NOT_AVAILABLE = "not available in this version"
TRIGGERS = "    triggers: [{ kafka: { topics: [in] } }]\n"


def facts_of(text: str) -> list[tuple[str, str]]:
    """What `function inspect` prints, line by line."""
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines()]


class Commands(FolderTest):
    def check(self, text: str):
        """`millrace check` of one file, and the file's name."""
        path = self.folder / f"{self._testMethodName}.yaml"
        path.write_text(text)
        return run("check", "-c", str(path)), str(path)

    def test_good_configuration_is_accepted(self) -> None:
        done, _ = self.check("functions:\n  echo:\n" + TRIGGERS)
        self.assertEqual((done.returncode, done.stdout), (0, "ok: 1 functions\n"))

    def test_every_error_is_told_in_one_run_with_its_place(self) -> None:
        done, path = self.check(
            "host:\n  drain_timeout: soon\nkafka:\n  group.id: mine\nfunctions:\n  Bad_Name:\n" +
            TRIGGERS + "  echo:\n    lanez: 2\n    lanes: 0\n    lanes: 1\n    retry: {}\n" +
            TRIGGERS)
        self.assertEqual((done.returncode, done.stdout), (CONFIGURATION, ""))
        lines = done.stderr.splitlines()
        wanted = [(2, 18, "drain_timeout"), (4, 3, "group.id"), (6, 3, "Bad_Name"),
                  (9, 5, "lanez"), (11, 5, "lanes"), (12, 5, "retry")]
        for line, column, word in wanted:
            place = f"{path}:{line}:{column}: error: "
            self.assertTrue(any(t.startswith(place) and word in t for t in lines), (place, lines))
        self.assertTrue(all(": error: " in text for text in lines), lines)
        self.assertIn('(did you mean "lanes"?)', done.stderr)

    def test_what_a_later_version_will_have_is_refused_by_name(self) -> None:
        keys = {"durability": "changelog", "store": "memory", "cache": "off",
                "retry": "{ max_attempts: 5 }",
                "on_failure": "{ dead_letter: dead }",
                "scaling": "{ min: 0 }", "concurrency": "4", "ttl": "1h", "timers": "{}",
                "state": "{}", "outputs": "{ out: { topic: t, create: 4 } }"}
        for key, value in keys.items():
            with self.subTest(key):
                done, path = self.check(f"functions:\n  echo:\n{TRIGGERS}    {key}: {value}\n")
                self.assertEqual(done.returncode, CONFIGURATION, done)
                self.assertTrue(done.stderr.startswith(f"{path}:4:"), done.stderr)
                self.assertIn(NOT_AVAILABLE, done.stderr)
                self.assertIn("create" if key == "outputs" else key, done.stderr)
                self.assertEqual(run("run", "-c", path).returncode, CONFIGURATION)
        for kind in ("http", "schedule", "lag", "resource", "table"):
            with self.subTest(kind):
                done, _ = self.check(f"functions:\n  echo:\n    triggers: [{{ {kind}: {{}} }}]\n")
                self.assertEqual(done.returncode, CONFIGURATION, done)
                self.assertRegex(done.stderr, f"{kind}.*{NOT_AVAILABLE}")

    def test_keys_of_the_host_that_come_later_are_refused_by_name(self) -> None:
        for key in ("store", "durability"):
            with self.subTest(key):
                done, _ = self.check(f"host:\n  {key}: x\n")
                self.assertEqual(done.returncode, CONFIGURATION, done)
                self.assertRegex(done.stderr, f":2:3: error: .*{key}.*{NOT_AVAILABLE}")

    def test_commands_that_come_later_are_refused_by_name(self) -> None:
        for command in (["submit"], ["submit", "bundle"], ["--log-level", "warn", "submit"],
                        ["run", "./fn.so", "--attach"], ["run", "--attach", "./fn.so"],
                        ["run", "-c", "x.yaml", "--attach"], ["state", "get"],
                        ["function", "swap"], ["redrive"]):
            with self.subTest(command):
                done = run(*command)
                self.assertEqual((done.returncode, done.stdout), (CONFIGURATION, ""), done)
                self.assertIn(NOT_AVAILABLE, done.stderr)
                named = "--attach" if "--attach" in command else command[-1 if len(command) == 3
                                                                         else 0]
                self.assertIn(named, done.stderr)

    def test_wrong_usage_is_told_so(self) -> None:
        for command in ([], ["nonsense"], ["run"], ["run", "x.so"], ["run", "-c"], ["check"],
                        ["check", "-c"], ["invoke"], ["--nonsense"], ["version", "extra"],
                        ["state"], ["state", "rebuild"], ["state", "rebuild", "f"],
                        ["state", "rebuild", "-c", "x"], ["state", "rebuild", "-c", "x", "f", "g"],
                        ["state", "rebuild", "-c", "x", "f", "--now"],
                        ["function"], ["function", "inspect"],
                        ["function", "inspect", "a.so", "b.so"], ["dev", "a", "b"], ["dev", "--http", "nowhere"],
                        ["--log-level", "loud", "version"], ["run", "-c", "a", "--nonsense"],
                        ["invoke", "f", "--server", "no server"],
                        ["invoke", "f", "--header", "no-equals", "--value", "x"],
                        ["invoke", "f", "--partition", "x"],
                        ["invoke", "f", "--value", "@/no/such/file"]):
            with self.subTest(command):
                done = run(*command)
                self.assertEqual((done.returncode, done.stdout), (USAGE, ""), done)
                self.assertNotEqual(done.stderr, "")

    def test_inspect_tells_what_a_library_says_and_that_its_probe_passed(self) -> None:
        file = example("page_edits")
        done = run("function", "inspect", str(file))
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        facts = facts_of(done.stdout)
        told = dict(facts)
        self.assertEqual(told["file"], str(file))
        self.assertEqual(told["sha256"], hashlib.sha256(file.read_bytes()).hexdigest())
        self.assertEqual(told["size"], f"{file.stat().st_size} bytes")
        self.assertEqual(told["owner"], f"user {os.geteuid()}, "
                                        f"mode {file.stat().st_mode & 0o7777:04o}")
        self.assertEqual(facts[4:-1], [
            ("abi", "1.2"), ("function", "page-edits"),
            ("state", "version 1, reads from version 1"), ("uses", "value pages"),
            ("uses", "output counts"), ("trigger", "kafka wiki.edits")])
        self.assertRegex(told["probe"], r"^passed in \d+ ms$")

    def test_inspect_tells_which_versions_of_the_state_a_library_writes_and_reads(self) -> None:
        for name, state in (("version_two", "version 2, reads from version 1"),
                            ("version_three", "version 3, reads from version 3")):
            done = run("function", "inspect", str(marked(name)))
            self.assertEqual(facts_of(done.stdout)[4:-1], [
                ("abi", "1.0"), ("function", "marked-counter"), ("state", state),
                ("uses", "value total"), ("uses", "output out")], done)

    def test_inspect_refuses_what_a_host_would_refuse_and_lives_through_it(self) -> None:
        library = self.folder / "open.so"
        library.write_bytes(example("echo").read_bytes())
        library.chmod(0o666)
        refusals = {hostile("constructor_crashes"): "ended by signal 11",
                    hostile("constructor_exits"): "exited with code 0 while it was loaded",
                    hostile("no_symbol"): "does not export millrace_function",
                    library: "has mode 0666", self.folder / "none.so": "cannot be opened"}
        for file, reason in refusals.items():
            with self.subTest(file.name):
                done = run("function", "inspect", str(file))
                self.assertEqual(done.returncode, 1, done)
                self.assertIn(f"millrace function inspect: {file}: ", done.stderr)
                self.assertIn(reason, done.stderr)

    def test_configuration_that_is_not_there_is_refused(self) -> None:
        for command in (["check", "-c", "/no/such/file"], ["run", "-c", "/no/such/file"],
                        ["state", "rebuild", "-c", "/no/such/file", "f"]):
            done = run(*command)
            self.assertEqual(done.returncode, CONFIGURATION, done)
            self.assertIn("/no/such/file", done.stderr)

    def test_folder_of_files_is_one_configuration(self) -> None:
        folder = self.folder / "conf"
        folder.mkdir()
        (folder / "host.yaml").write_text("host: { id: edge }\n")
        (folder / "a.yaml").write_text("functions:\n  a:\n" + TRIGGERS)
        (folder / "b.yaml").write_text("functions:\n  b:\n" + TRIGGERS)
        done = run("check", "-c", str(folder))
        self.assertEqual((done.returncode, done.stdout), (0, "ok: 2 functions\n"), done.stderr)
        (folder / "b.yaml").write_text("functions:\n  a:\n" + TRIGGERS)
        done = run("check", "-c", str(folder))
        self.assertEqual(done.returncode, CONFIGURATION)
        self.assertIn("b.yaml:2:3: error: ", done.stderr)

    def test_help_and_version_are_done(self) -> None:
        for command in (["--help"], ["run", "--help"], ["dev", "--help"], ["invoke", "--help"],
                        ["state", "--help"], ["state", "rebuild", "--help"]):
            done = run(*command)
            self.assertEqual((done.returncode, done.stderr), (0, ""), command)
        self.assertRegex(run("version").stdout, r"^millrace \d+\.\d+\.\d+, function ABI 1\.2\n$")

    def test_address_that_is_taken_is_a_configuration_error(self) -> None:
        first = self.new_host({"redis": {"url": "redis://127.0.0.1:1/0"},
                               "kafka": {"bootstrap.servers": "127.0.0.1:1"}}).start()
        path = self.folder / "taken.yaml"
        path.write_text(json.dumps({"host": {"http": {"listen": f"127.0.0.1:{first.port}"}}}))
        done = run("run", "-c", str(path))
        self.assertEqual(done.returncode, CONFIGURATION)
        self.assertIn(str(first.port), done.stderr)
        self.assertEqual(first.terminate(), 0)
