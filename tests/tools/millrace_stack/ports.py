# SPDX-License-Identifier: Apache-2.0
"""Free TCP ports that stay free while their service is stopped.

They lie outside the range that the kernel hands to outgoing connections: there, a client that
reconnects to a stopped service could be given the service's own port and connect to itself.
"""
import random
import socket
from pathlib import Path

from .errors import StackError

FIRST_PORT = 15000
LAST_PORT = 65535
FEWEST_CANDIDATES = 1000
TRIES = 1000


def _candidates() -> list[int]:
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    outside = [p for p in range(FIRST_PORT, LAST_PORT + 1) if not low <= p <= high]
    return outside if len(outside) >= FEWEST_CANDIDATES else list(range(FIRST_PORT, LAST_PORT + 1))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def pick_free_ports(count: int) -> list[int]:
    candidates = _candidates()
    picked: list[int] = []
    for port in random.SystemRandom().sample(candidates, min(TRIES, len(candidates))):
        if len(picked) < count and _is_free(port):
            picked.append(port)
    if len(picked) < count:
        raise StackError(f"no {count} free ports on 127.0.0.1; end what occupies them")
    return picked
