# SPDX-License-Identifier: Apache-2.0
"""The command line of script/bench."""
import argparse
import datetime
import shlex
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from . import machine, plan, report
from .bare_loop import BareLoop
from .engines import Engine, Millrace
from .errors import BenchError
from .flink import Flink
from .flink_cluster import FlinkCluster
from .kafka_streams import KafkaStreams
from .lab import Lab, StackError
from .records_file import RecordsFile, load
from .runner import Runner
from .trial import CELLS
from .versions import versions

ROOT = Path(__file__).resolve().parents[3]
EXIT_FAILURE, EXIT_INTERRUPTED = 1, 130
FAMILIES = ("millrace", "kafka-streams", "flink")
SIZES = (100, 1000)
RECORDS_MIN = 1000
DEFAULT_KEYS = 100_000


def _keys(text: str) -> list[int]:
    return [plan.HOT_KEYS if word == "hot" else _positive(word) for word in text.split(",")]


def _positive(word: str) -> int:
    if not word.isdigit() or int(word) == 0:
        raise argparse.ArgumentTypeError(f"{word!r} is no number above 0")
    return int(word)


def _records(word: str) -> int:
    if _positive(word) < RECORDS_MIN:
        raise argparse.ArgumentTypeError(f"{word} records are too few to measure; {RECORDS_MIN} "
                                         "at least")
    return int(word)


def _some_of(known: tuple[str, ...]):
    def parse(text: str) -> list[str]:
        words = text.split(",")
        unknown = [word for word in words if word not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return [word for word in known if word in words]
    return parse


def _sizes(text: str) -> list[int]:
    sizes = [_positive(word) for word in text.split(",")]
    if unknown := [size for size in sizes if size not in SIZES]:
        raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(map(str, SIZES))}")
    return sizes


def _processors(text: str) -> set[int]:
    found = {int(word) for word in text.split(",") if word.isdigit()}
    if not found or not found <= set(range(machine.processor_count())):
        raise argparse.ArgumentTypeError(f"{text!r} does not name processors of this machine, 0 to "
                                         f"{machine.processor_count() - 1}")
    return found


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="script/bench", description="millrace beside Kafka Streams "
                                "and Flink on the same bytes; see docs/benchmarks.md.")
    size = p.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a look at everything, 10 minutes")
    size.add_argument("--full", action="store_true", help="five blocks: the published figures")
    p.add_argument("--cell", type=_some_of(CELLS), default=list(CELLS), metavar="CELL,...",
                   help=f"of {', '.join(CELLS)} (default: all)")
    p.add_argument("--engines", type=_some_of(FAMILIES), default=list(FAMILIES),
                   metavar="ENGINE,...", help=f"of {', '.join(FAMILIES)} (default: all)")
    p.add_argument("--keys", type=_keys, metavar="N,...",
                   help="distinct keys; hot: one key (default: 100000 for the aggregate; 1000, "
                   "300000 and 3000000 for recovery)")
    p.add_argument("--bytes", type=_sizes, default=[100], metavar="N,...",
                   help="bytes of a record, 100 or 1000 (default: 100)")
    p.add_argument("--records", type=_records, metavar="N", help="of each drain")
    p.add_argument("--blocks", type=_positive, metavar="N", help="how often everything is repeated")
    p.add_argument("--no-latency", action="store_true", help="drains alone in aggregate and "
                   "pass-through")
    p.add_argument("--seed", type=int, default=1, help="of the order of trials (default: 1)")
    p.add_argument("--pin-engine", type=_processors, default=set(), metavar="CPU,...",
                   help="processors of engine and store")
    p.add_argument("--pin-services", type=_processors, default=set(), metavar="CPU,...",
                   help="processors of broker and load")
    p.add_argument("--out", type=Path, metavar="DIR", help="for trials.csv and report.html "
                   "(default: build/bench/<time>)")
    p.add_argument("--keep", action="store_true", help="leave services, topics and logs there")
    p.add_argument("--report", type=Path, metavar="CSV", help="no trial: the report of one that "
                   "was made")
    p.add_argument("--build", type=Path, default=ROOT / "build/release", help=argparse.SUPPRESS)
    return p


def _engines(arguments: argparse.Namespace) -> list[Engine]:
    build = arguments.build.resolve()
    engines: list[Engine] = []
    if "millrace" in arguments.engines:
        engines += [Millrace(build, "exactly_once"), Millrace(build, "at_least_once")]
        engines += [BareLoop(build, delivery, as_host) for as_host in (False, True)
                    for delivery in ("exactly_once", "at_least_once")]
    if "kafka-streams" in arguments.engines:
        engines.append(KafkaStreams(build))
    if "flink" in arguments.engines:
        engines += [Flink(build, "heap"), Flink(build, "rocksdb"), FlinkCluster(build)]
    return engines


def _scale(arguments: argparse.Namespace) -> plan.Scale:
    scale = plan.QUICK if arguments.quick else plan.FULL if arguments.full else plan.STANDARD
    changes: dict[str, object] = {}
    if arguments.blocks:
        changes = {"blocks": arguments.blocks, "recovery_blocks": arguments.blocks}
    if arguments.keys:
        changes["recovery_keys"] = tuple(arguments.keys)
    if arguments.no_latency:
        changes["loads"] = ()
    return plan.with_changes(scale, changes)


def _facts(arguments: argparse.Namespace) -> report.Facts:
    words = [word for word in sys.argv[1:] if not word.startswith("--build")]
    return report.Facts("script/bench " + shlex.join(words), machine.describe(),
                        versions())


def _run(arguments: argparse.Namespace) -> int:
    out = arguments.out or ROOT / "build/bench" / datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    out.mkdir(parents=True, exist_ok=True)
    if arguments.report:
        results = load(arguments.report)
        report.write(out / "report.html", results, _engines(arguments), _facts(arguments))
        print(f"report: {out / 'report.html'}")
        return 0
    wanted = plan.Wanted(cells=arguments.cell, engines=_engines(arguments), keys=arguments.keys or [DEFAULT_KEYS],
                         bytes=arguments.bytes, scale=_scale(arguments),
                         records=arguments.records, seed=arguments.seed)
    for engine in wanted.engines:
        engine.prepare()
    folder = Path(tempfile.mkdtemp(prefix="millrace-bench-"))
    file = RecordsFile(out / "trials.csv")
    lab = Lab(folder, arguments.build.resolve(), arguments.pin_engine, arguments.pin_services)
    runner = Runner(lab, wanted, file)
    try:
        runner.run()
    finally:
        file.close()
        if arguments.keep:
            print(f"kept: {folder}; Kafka {lab.kafka}, {lab.redis}; end them with "
                  f"tests/tools/stack down --dir {folder / 'stack'}")
        else:
            lab.close()
            shutil.rmtree(folder, ignore_errors=True)
        if runner.results:
            report.write(out / "report.html", runner.results, wanted.engines, _facts(arguments),
                         runner.failures)
            print(f"trials: {out / 'trials.csv'}\nreport: {out / 'report.html'}")
    for failure in runner.failures:
        print(f"bench: {failure.trial.title()}: {failure.reason}", file=sys.stderr)
    return EXIT_FAILURE if runner.failures else 0


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_INTERRUPTED))
    try:
        return _run(parser().parse_args())
    except (BenchError, StackError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return EXIT_FAILURE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
