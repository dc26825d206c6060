# SPDX-License-Identifier: Apache-2.0
"""A stack: Kafka brokers and one Redis in one folder, known to every later command by that folder.

The folder's `stack.json` names ports and processes; it is written before the first process starts
and after each one, so whatever a killed caller leaves behind, `down` finds and ends.
"""
import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from . import process
from .errors import StackError
from .jars import kafka_jars
from .kafka_admin import KafkaAdmin
from .kafka_broker import KafkaBroker, new_cluster_id
from .ports import pick_free_ports
from .process import ProcessId
from .redis_server import RedisServer

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0
KILL_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.05
BROKERS_MAX = 9
LOG_TAIL_LINES = 20
STATE_FILE = "stack.json"
FOLDER_VARIABLE = "MILLRACE_STACK_DIR"

Service = KafkaBroker | RedisServer


def default_folder() -> Path:
    named = os.environ.get(FOLDER_VARIABLE)
    temporary = os.environ.get("TMPDIR") or "/tmp"
    return Path(named) if named else Path(temporary) / f"millrace-stack-{os.getuid()}"


@dataclasses.dataclass
class State:
    stack_id: str
    made_folder: bool
    brokers: int
    cluster_id: str
    ports: dict[str, int]
    is_formatted: bool
    processes: dict[str, ProcessId]


class Stack:
    """All calls may be made from several processes at once; a lock on the folder orders them."""

    def __init__(self, folder: Path | str | None = None) -> None:
        self.folder = Path(folder).resolve() if folder else default_folder().resolve()

    def up(self, brokers: int = 1) -> None:
        """Starts what does not run yet and waits until all of it answers.

        Ports and data of a stack that was up before are kept. What a failed first start leaves is
        ended and removed.
        """
        if not 1 <= brokers <= BROKERS_MAX:
            raise StackError(f"--brokers is {brokers}; it must lie between 1 and {BROKERS_MAX}")
        jars = kafka_jars()
        made = self._make_folder()
        with self._locked():
            state = self._load()
            if state and state.brokers != brokers:
                raise StackError(f"the stack in {self.folder} has {state.brokers} brokers, not "
                                 f"{brokers}; run `stack down` first, or name another --dir")
            if state:
                self._run_all(state, jars)
                return
            state = self._new_state(brokers, made)
            try:
                self._run_all(state, jars)
            except BaseException:
                self._remove(state)
                raise

    def down(self) -> None:
        """Ends every process of this stack and removes its data; does nothing if there is none."""
        if not self.folder.is_dir():
            return
        with self._locked():
            state = self._load()
            if state:
                self._remove(state)

    def start(self, name: str) -> None:
        with self._locked():
            state = self._existing()
            self._start(state, self._named(state, name), kafka_jars())

    def stop(self, name: str) -> None:
        """Asks for a clean stop and waits for it."""
        with self._locked():
            state = self._existing()
            for service in reversed(self._named(state, name)):
                self._stop(state, service)

    def kill(self, name: str) -> None:
        """SIGKILL: no warning, nothing flushed."""
        with self._locked():
            state = self._existing()
            self._kill([p for s in self._named(state, name) if (p := state.processes.get(s.name))])

    def pause(self, name: str) -> None:
        self._signal_and_wait(name, signal.SIGSTOP, {"paused"})

    def resume(self, name: str) -> None:
        """Continues a paused service and waits until it answers."""
        self._signal_and_wait(name, signal.SIGCONT, {"running"})
        with self._locked():
            state = self._existing()
            self._wait_until_answers(state, self._named(state, name))

    def bootstrap_servers(self) -> str:
        return ",".join(f"127.0.0.1:{port}" for port in self._broker_ports(self._existing()))

    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self._existing().ports['redis']}/0"

    def kafka(self) -> KafkaAdmin:
        return KafkaAdmin(self._broker_ports(self._existing()))

    def status(self) -> dict[str, dict]:
        """Per service its port, its pid (None: not running) and its state."""
        state = self._existing()
        result = {}
        for service in self._services(state):
            known = state.processes.get(service.name)
            now = process.state_of(known)
            result[service.name] = {"port": service.port, "state": now,
                                    "pid": None if now == "stopped" else known.pid}
        return result

    # Folder, lock and state file.

    def _make_folder(self) -> bool:
        """Whether it was made here, and so is ours to remove."""
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700)
            return True
        except FileExistsError:
            if not self.folder.is_dir() or self.folder.stat().st_uid != os.getuid():
                raise StackError(f"{self.folder} is no folder of this user; name another "
                                 "--dir") from None
            return False

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Holds the folder; fails if another command removes it while this one waits."""
        try:
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if os.fstat(descriptor).st_ino != os.stat(self.folder).st_ino:
                    raise FileNotFoundError
                yield
            finally:
                os.close(descriptor)
        except (FileNotFoundError, NotADirectoryError):
            raise self._no_stack() from None

    def _no_stack(self) -> StackError:
        return StackError(f"there is no stack in {self.folder}; run `stack up`, or name its --dir")

    def _existing(self) -> State:
        state = self._load()
        if not state:
            raise self._no_stack()
        return state

    def _load(self) -> State | None:
        try:
            raw = json.loads((self.folder / STATE_FILE).read_text())
        except FileNotFoundError:
            return None
        raw["processes"] = {name: ProcessId(**p) for name, p in raw["processes"].items()}
        return State(**raw)

    def _save(self, state: State) -> None:
        partial = self.folder / f"{STATE_FILE}.partial"
        partial.write_text(json.dumps(dataclasses.asdict(state), indent=2) + "\n")
        os.replace(partial, self.folder / STATE_FILE)

    def _new_state(self, brokers: int, made_folder: bool) -> State:
        names = [f"kafka-{node}" for node in range(1, brokers + 1)] + ["controller", "redis"]
        ports = dict(zip(names, pick_free_ports(len(names)), strict=True))
        state = State(uuid.uuid4().hex, made_folder, brokers, new_cluster_id(), ports, False, {})
        self._save(state)
        return state

    def _broker_ports(self, state: State) -> list[int]:
        return [state.ports[f"kafka-{node}"] for node in range(1, state.brokers + 1)]

    def _services(self, state: State) -> list[Service]:
        """In the order of starting: the controller's node first."""
        redis = RedisServer(self.folder, state.ports["redis"])
        return [redis, *(KafkaBroker(self.folder, node, state.ports)
                         for node in range(1, state.brokers + 1))]

    def _named(self, state: State, name: str) -> list[Service]:
        """`kafka` is all brokers, `kafka-N` is one."""
        found = [s for s in self._services(state) if name in (s.name, s.name.partition("-")[0])]
        if not found:
            known = ", ".join(["kafka", *(s.name for s in self._services(state))])
            raise StackError(f"this stack has no service {name}; it has {known}")
        return found

    # Starting and ending.

    def _run_all(self, state: State, jars: Path) -> None:
        if not state.is_formatted:
            self._prepare(state, jars)
        self._start(state, self._services(state), jars)

    def _prepare(self, state: State, jars: Path) -> None:
        (self.folder / "logs").mkdir(exist_ok=True)
        services = self._services(state)
        for service in services:
            service.configure()
        brokers = [s for s in services if isinstance(s, KafkaBroker)]
        tools = [(broker, broker.begin_format(jars, state.cluster_id)) for broker in brokers]
        for broker, tool in tools:
            broker.end_format(tool)
        state.is_formatted = True
        self._save(state)

    def _start(self, state: State, services: list[Service], jars: Path) -> None:
        for service in services:
            now = process.state_of(state.processes.get(service.name))
            if now == "paused":
                raise StackError(f"{service.name} is paused; run `stack resume {service.name}`")
            if now == "stopped":
                command = (service.command(jars) if isinstance(service, KafkaBroker)
                           else service.command())
                state.processes[service.name] = process.spawn(command, self._output_of(service),
                                                              state.stack_id)
                self._save(state)
        self._wait_until_answers(state, services)

    def _output_of(self, service: Service) -> Path:
        return self.folder / "logs" / f"{service.name}.out"

    def _wait_until_answers(self, state: State, services: list[Service]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        for service in services:
            self._poll(state, service, service.answers, deadline)
        kafka = [s for s in services if isinstance(s, KafkaBroker)]
        if len(kafka) == state.brokers:
            self._poll(state, kafka[0], lambda: self._is_all_led(state), deadline)

    def _is_all_led(self, state: State) -> bool:
        """Whether clients find every partition and coordinator: no test meets a warming broker."""
        try:
            KafkaAdmin(self._broker_ports(state)).check_all_led()
            return True
        except (StackError, OSError):
            return False

    def _poll(self, state: State, service: Service, is_ready, deadline: float) -> None:
        while not is_ready():
            if process.state_of(state.processes.get(service.name)) == "stopped":
                raise StackError(f"{service.name} ended instead of answering on port "
                                 f"{service.port}\n{self._log_tail(service)}")
            if time.monotonic() > deadline:
                raise StackError(f"{service.name} does not answer on port {service.port} after "
                                 f"{START_TIMEOUT_S:.0f} s\n{self._log_tail(service)}")
            time.sleep(POLL_INTERVAL_S)

    def _log_tail(self, service: Service) -> str:
        lines: list[str] = []
        for log in (self._output_of(service), self.folder / "logs" / f"{service.name}.log"):
            if log.exists():
                lines += log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join(["its last words:", *lines])

    def _stop(self, state: State, service: Service) -> None:
        known = state.processes.get(service.name)
        if known is None or not process.send(known, signal.SIGTERM):
            return
        process.send(known, signal.SIGCONT)
        if not process.wait_for_state(known, {"stopped"}, STOP_TIMEOUT_S):
            raise StackError(f"{service.name} (pid {known.pid}) does not stop within "
                             f"{STOP_TIMEOUT_S:.0f} s; end it with `stack kill {service.name}`")

    def _kill(self, processes: list[ProcessId]) -> None:
        for known in processes:
            process.send(known, signal.SIGKILL)
        for known in processes:
            if not process.wait_for_state(known, {"stopped"}, KILL_TIMEOUT_S):
                raise StackError(f"pid {known.pid} survives SIGKILL; look at it with ps")

    def _signal_and_wait(self, name: str, number: signal.Signals, states: set[str]) -> None:
        with self._locked():
            state = self._existing()
            for service in self._named(state, name):
                known = state.processes.get(service.name)
                if known is None or not process.send(known, number):
                    raise StackError(f"{service.name} is not running; run `stack start "
                                     f"{service.name}`")
                process.wait_for_state(known, states, KILL_TIMEOUT_S)

    def _remove(self, state: State) -> None:
        """Ends all that this stack started, written down or not, then removes what it wrote."""
        self._kill([*state.processes.values(), *process.find_marked(state.stack_id)])
        for service in self._services(state):
            shutil.rmtree(service.folder, ignore_errors=True)
        shutil.rmtree(self.folder / "logs", ignore_errors=True)
        (self.folder / f"{STATE_FILE}.partial").unlink(missing_ok=True)
        (self.folder / STATE_FILE).unlink(missing_ok=True)
        if state.made_folder:
            with contextlib.suppress(OSError):  # Someone else's file keeps it.
                self.folder.rmdir()
