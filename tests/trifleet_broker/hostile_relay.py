"""A relay of TCP that is as bad as a network or a broker may be, without keys: it cannot read what
is in TLS, so it delays, tears into pieces, stalls, and cuts the line in the middle of anything."""

import contextlib
import random
import socket
import threading
import time


class HostileRelay:
    """Listens on loopback and passes on to `port`; seeded, so that its malice repeats."""

    def __init__(self, port: int, seed: int) -> None:
        self._port = port
        self._dice = random.Random(seed)
        self._stop = threading.Event()
        self.cuts = 0
        self.calm = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.1)
        self.port = int(self._server.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(10)
        self._server.close()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                near, _ = self._server.accept()
            except TimeoutError:
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._port), 5)
            except OSError:
                near.close()
                continue
            ended = threading.Event()
            for source, target in ((near, far), (far, near)):
                thread = threading.Thread(target=self._pass_on, args=(source, target, ended))
                self._threads.append(thread)
                thread.start()

    def _pass_on(
        self, source: socket.socket, target: socket.socket, ended: threading.Event
    ) -> None:
        source.settimeout(0.1)
        with contextlib.suppress(OSError):
            while not self._stop.is_set() and not ended.is_set():
                try:
                    data = source.recv(4096)
                except TimeoutError:
                    continue
                if not data or not self._deliver(data, target):
                    break
        ended.set()
        for line in (source, target):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()

    def _deliver(self, data: bytes, target: socket.socket) -> bool:
        """False: the line is cut, in the middle of these bytes."""
        if self.calm.is_set():
            target.sendall(data)
            return True
        time.sleep(self._dice.choice((0, 0, 0, 0.01, 0.05, 0.2)))
        if self._dice.random() < 0.04:
            self.cuts += 1
            target.sendall(data[: self._dice.randrange(len(data))])
            return False
        middle = self._dice.randrange(len(data) + 1)
        target.sendall(data[:middle])
        target.sendall(data[middle:])
        return True
