# SPDX-License-Identifier: Apache-2.0
"""delay_proxy in front of an echo server."""
import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
import unittest

DELAY_MS = 100
TIMEOUT_S = 10.0
QUIET_S = 0.3


class EchoServer:
    """Sends back what it gets, until the client ends."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # Closed before.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(client,), daemon=True).start()

    def _echo(self, client: socket.socket) -> None:
        with client:
            try:
                while data := client.recv(1 << 16):
                    client.sendall(data)
            except OSError:
                pass


class DelayProxyTest(unittest.TestCase):
    def setUp(self) -> None:
        self.server = EchoServer()
        self.addCleanup(self.server.close)
        self.proxy = subprocess.Popen(
            [os.environ["DELAY_PROXY"], "--to", f"127.0.0.1:{self.server.port}", "--delay-ms",
             str(DELAY_MS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.addCleanup(self._end_proxy)
        name, _, port = self.proxy.stdout.readline().strip().partition("=")
        self.assertEqual(name, "PORT")
        self.port = int(port)

    def _end_proxy(self) -> None:
        self.proxy.stdin.close()
        self.assertEqual(self.proxy.wait(TIMEOUT_S), 0)
        self.proxy.stdout.close()

    def connect(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S)
        self.addCleanup(client.close)
        return client

    def command(self, line: str) -> str:
        self.proxy.stdin.write(line + "\n")
        return self.proxy.stdout.readline().strip()

    def receive(self, client: socket.socket, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = client.recv(size - len(data))
            if not chunk:
                break
            data += chunk
        return data

    def test_a_reply_takes_the_delay_longer(self) -> None:
        client = self.connect()
        began = time.monotonic()
        client.sendall(b"ping")
        self.assertEqual(self.receive(client, 4), b"ping")
        self.assertGreaterEqual(time.monotonic() - began, DELAY_MS / 1000)

    def test_pipelined_replies_are_delayed_in_parallel(self) -> None:
        client = self.connect()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        count = 200
        began = time.monotonic()
        for _ in range(count):
            client.sendall(b"x")
            time.sleep(0.001)  # A chunk of its own for each.
        self.assertEqual(self.receive(client, count), b"x" * count)
        self.assertLess(time.monotonic() - began, count * DELAY_MS / 1000 / 5)

    def test_bulk_arrives_whole_and_in_order(self) -> None:
        client = self.connect()
        data = os.urandom(1 << 20) * 8
        threading.Thread(target=client.sendall, args=(data,), daemon=True).start()
        self.assertEqual(self.receive(client, len(data)), data)

    def test_delayed_bytes_precede_the_end_of_the_connection(self) -> None:
        client = self.connect()
        client.sendall(b"last words")
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(self.receive(client, 100), b"last words")

    def test_drop_closes_every_connection_and_new_ones_work(self) -> None:
        clients = [self.connect() for _ in range(3)]
        for client in clients:
            client.sendall(b"a")
            self.receive(client, 1)
        self.assertEqual(self.command("drop"), "OK drop")
        for client in clients:
            self.assertEqual(self.receive(client, 1), b"")
        again = self.connect()
        again.sendall(b"b")
        self.assertEqual(self.receive(again, 1), b"b")

    def test_hole_swallows_replies_until_pass(self) -> None:
        client = self.connect()
        client.sendall(b"on its way")
        self.assertEqual(self.command("hole"), "OK hole")
        client.sendall(b"lost")
        client.settimeout(QUIET_S)
        with self.assertRaises(TimeoutError):
            client.recv(100)
        client.settimeout(TIMEOUT_S)
        self.assertEqual(self.command("pass"), "OK pass")
        client.sendall(b"kept")
        self.assertEqual(self.receive(client, 4), b"kept")

    def test_delay_can_change_while_connected(self) -> None:
        client = self.connect()
        self.assertEqual(self.command(f"delay {DELAY_MS * 4}"), f"OK delay {DELAY_MS * 4}")
        began = time.monotonic()
        client.sendall(b"x")
        self.receive(client, 1)
        self.assertGreaterEqual(time.monotonic() - began, DELAY_MS * 4 / 1000)

    def test_an_unknown_command_is_named(self) -> None:
        self.assertTrue(self.command("explode").startswith("ERROR unknown command"))

    def test_usr1_drops_as_the_command_does(self) -> None:
        client = self.connect()
        client.sendall(b"a")
        self.receive(client, 1)
        self.proxy.send_signal(signal.SIGUSR1)
        self.assertEqual(self.receive(client, 1), b"")

    def test_a_client_is_closed_when_the_server_is_away(self) -> None:
        self.server.close()
        with self.connect() as client:
            self.assertEqual(self.receive(client, 1), b"")


if __name__ == "__main__":
    unittest.main()
