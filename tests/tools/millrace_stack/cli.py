# SPDX-License-Identifier: Apache-2.0
"""The command line of `stack`. Results go to stdout, everything else to stderr."""
import argparse
import json
import signal
import sys
from pathlib import Path

from .errors import StackError
from .stack import BROKERS_MAX, FOLDER_VARIABLE, Stack

EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130
SERVICE_VERBS = {
    "stop": "ask a service to end, and wait for it",
    "start": "start it again, on the same port with the same data",
    "kill": "SIGKILL it",
    "pause": "SIGSTOP it",
    "resume": "continue it after a pause",
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stack", description="Real Kafka and Redis for tests.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--dir", type=Path, metavar="D",
                        help=f"the stack's folder (default: ${FOLDER_VARIABLE}, else "
                             "millrace-stack-UID in $TMPDIR)")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, parents=[common], help=text, description=text)

    up = verb("up", "start Kafka and Redis, wait until both answer, print KAFKA= and REDIS=")
    up.add_argument("--brokers", type=int, default=1, metavar="N", help=f"1 to {BROKERS_MAX}")
    verb("down", "end what `up` started and remove its data")
    verb("status", "services, ports, pids and states as JSON")
    topic = verb("topic", "make a topic, or check that it exists with so many partitions")
    topic.add_argument("name")
    topic.add_argument("partitions", type=int)
    verb("ends", "end offsets of a topic as JSON").add_argument("name")
    verb("group", "members, group generation and offsets of a group as JSON").add_argument("name")
    for name, text in SERVICE_VERBS.items():
        verb(name, text).add_argument("service", help="kafka, kafka-N or redis")
    return parser


def _run(arguments: argparse.Namespace) -> None:
    stack = Stack(arguments.dir)
    match arguments.verb:
        case "up":
            stack.up(arguments.brokers)
            print(f"KAFKA={stack.bootstrap_servers()}\nREDIS={stack.redis_url()}")
        case "down":
            stack.down()
        case "status":
            print(json.dumps(stack.status()))
        case "topic":
            stack.kafka().create_topic(arguments.name, arguments.partitions)
        case "ends":
            print(json.dumps(stack.kafka().end_offsets(arguments.name)))
        case "group":
            print(json.dumps(stack.kafka().describe_group(arguments.name)))
        case service_verb:
            getattr(stack, service_verb)(arguments.service)


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_INTERRUPTED))
    try:
        _run(_parser().parse_args())
    except (StackError, OSError) as error:
        print(f"stack: {error}", file=sys.stderr)
        return EXIT_FAILURE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0
