"""The virtual bus as a thread: one selector loop for slcan clients, in-process ports and timers.

Listens on loopback only. Bad input of a client is answered and counted and touches nobody else; a
client that does not read is dropped when its queue is full.
"""

import contextlib
import ipaddress
import selectors
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Container
from pathlib import Path
from typing import Self

from hw.errors import BusClosedError, BusError
from hw.virtual_bus.clients import Client
from hw.virtual_bus.faults import Faults
from hw.virtual_bus.frame import Frame, checked
from hw.virtual_bus.log import DEFAULT_LIMIT_BYTES, CandumpLog
from hw.virtual_bus.slcan import format_frame
from hw.virtual_bus.timers import Timer, Timers
from hw.virtual_bus.wire import NS, Delivery, Node, Wire

MAX_CLIENTS = 32
FLUSH_PERIOD_S = 1.0
JOIN_TIMEOUT_S = 5.0


class Port:
    """A node of this process on the bus: 11-bit data frames. `send` and `close` from any thread."""

    def __init__(
        self,
        bus: "VirtualBus",
        callback: Callable[[int, bytes], None],
        identifiers: Container[int] | None,
        bitrate: int,
    ) -> None:
        self.node = Node(bitrate)
        self.callback = callback
        self.identifiers = identifiers
        self._bus = bus

    @property
    def bus_off(self) -> bool:
        """Whether errors took this node off the bus; `restart` ends it."""
        return self.node.bus_off

    def send(self, identifier: int, data: bytes) -> None:
        """Lets a frame wait for the bus. Raises FrameError, BusClosedError."""
        self._bus.submit(self, checked(Frame(identifier, data)))

    def restart(self) -> None:
        self.node.error_count = 0

    def close(self) -> None:
        self._bus.detach(self)


class VirtualBus:
    """`start` opens the port and the thread, `stop` ends both; also a context manager."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        bitrate: int = 500_000,
        log: Path | None = None,
        log_limit_bytes: int = DEFAULT_LIMIT_BYTES,
        queue_bytes: int = 65536,
        queue_frames: int = 1000,
    ) -> None:
        """`queue_bytes`: unread output of a client before it is dropped; `queue_frames`: frames of
        one sender that wait for the bus. Raises BusError for a host that is not loopback."""
        if not ipaddress.ip_address(host).is_loopback:
            raise BusError(f"{host} is not a loopback address")
        self.counters: Counter[str] = Counter()
        self.faults = Faults()
        self._address = (host, port)
        self._bitrate = bitrate
        self._queue_bytes = queue_bytes
        self._wire = Wire(bitrate, self.faults, self.counters, queue_frames)
        self._timers = Timers()
        self._ports: tuple[Port, ...] = ()
        self._clients: dict[socket.socket, Client] = {}
        self._inbox: deque[tuple[Port, Frame]] = deque()
        self._log_path, self._log_limit_bytes = log, log_limit_bytes
        self._log: CandumpLog | None = None
        self._epoch_ns = 0
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()  # for changes of _ports, which the bus' thread reads without
        self._waker: socket.socket | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the thread is at work."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def port(self) -> int:
        """The TCP port. Raises BusClosedError before `start`."""
        if self._listener is None:
            raise BusClosedError("the bus was not started")
        return self._port

    def start(self) -> None:
        """Listens and runs. Raises BusError when called twice, OSError if the port is taken."""
        if self._listener is not None or self._stopping.is_set():
            raise BusError("a bus starts once")
        if self._log_path is not None:
            self._log = CandumpLog(self._log_path, self._log_limit_bytes)
            self.every(FLUSH_PERIOD_S, self._flush_log)
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        self._listener = socket.create_server(self._address, family=family)
        self._listener.setblocking(False)
        self._port = int(self._listener.getsockname()[1])
        self._waker, self._wakee = socket.socketpair()
        self._epoch_ns = time.time_ns() - time.monotonic_ns()
        self._thread = threading.Thread(target=self._run, name="virtual-bus", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and closes every connection; harmless when called again."""
        self._stopping.set()
        self._wake()
        if self._thread is not None:
            self._thread.join(JOIN_TIMEOUT_S)
        if self._waker is not None:
            self._waker.close()
            self._waker = None

    def attach(
        self, callback: Callable[[int, bytes], None], identifiers: Container[int] | None = None
    ) -> Port:
        """A node of this process; `callback(identifier, data)` runs on the bus' thread and must not
        block. `identifiers`: what it wants to receive, None for everything."""
        port = Port(self, callback, identifiers, self._bitrate)
        with self._lock:
            self._ports = (*self._ports, port)
        return port

    def detach(self, port: Port) -> None:
        """Takes a node off the bus; harmless when it has left. A call under way still ends."""
        with self._lock:
            self._ports = tuple(kept for kept in self._ports if kept is not port)

    def every(self, period_s: float, callback: Callable[[float], None]) -> Timer:
        """Calls `callback(monotonic seconds)` on the bus' thread, at once and then periodically."""
        timer = self._timers.add(period_s, callback, time.monotonic_ns())
        self._wake()
        return timer

    def submit(self, port: Port, frame: Frame) -> None:
        """What `Port.send` calls. A refusal by the wire comes later, so it is only counted."""
        if self._stopping.is_set():
            raise BusClosedError("the bus has stopped")
        self._inbox.append((port, frame))
        self._wake()

    def _wake(self) -> None:
        waker = self._waker
        if waker is None or threading.current_thread() is self._thread:
            return
        # A closed or full pair is harmless: the loop has ended, or is about to wake anyway.
        with contextlib.suppress(OSError):
            waker.send(b"\0", socket.MSG_DONTWAIT)

    def _run(self) -> None:
        assert self._listener is not None
        with selectors.DefaultSelector() as selector:
            self._selector = selector
            selector.register(self._listener, selectors.EVENT_READ, self._accept)
            selector.register(self._wakee, selectors.EVENT_READ, self._drain_wakee)
            try:
                while not self._stopping.is_set():
                    self._round(selector.select(self._wait_s()))
            except BusClosedError:
                assert self._stopping.is_set()  # a node sent something at that moment
            finally:
                self._stopping.set()
                self._close()

    def _round(self, events: list[tuple[selectors.SelectorKey, int]]) -> None:
        """What ended on the wire is delivered first, then all arrivals compete, then one starts."""
        now_ns = time.monotonic_ns()
        for delivery in self._wire.advance(now_ns):
            self._deliver(delivery)
        for key, _ in events:
            key.data()
        self._timers.run(now_ns)
        self._take_inbox()
        self._wire.begin(now_ns)
        for client in list(self._clients.values()):
            if client.output:
                self._flush(client)

    def _wait_s(self) -> float | None:
        times = [t for t in (self._wire.next_ns, self._timers.next_ns) if t is not None]
        if self._inbox:
            return 0.0
        return max(0, min(times) - time.monotonic_ns()) / NS if times else None

    def _take_inbox(self) -> None:
        while self._inbox:
            port, frame = self._inbox.popleft()
            try:
                self._wire.submit(port.node, frame)
            except BusError as error:
                self.counters[f"refused:{error}"] += 1

    def _deliver(self, delivery: Delivery) -> None:
        time_ns, sender, frame = delivery
        if self._log is not None:
            self._log.write((time_ns + self._epoch_ns) // 1000, frame)
        if self._clients:
            text = format_frame(frame)
            for client in self._clients.values():
                if client.node is not sender and client.hears(self._bitrate):
                    client.output += client.channel.line(frame, time_ns // 1_000_000, text)
        if frame.extended or frame.remote_length is not None:
            return
        for port in self._ports:
            if port.node is sender or port.node.bus_off:
                continue
            if port.identifiers is None or frame.identifier in port.identifiers:
                port.callback(frame.identifier, frame.data)

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            connection, _ = self._listener.accept()
        except OSError:  # it left before it was taken
            self.counters["refused:aborted"] += 1
            return
        if len(self._clients) >= MAX_CLIENTS:
            self.counters["refused:too-many-clients"] += 1
            connection.close()
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(connection, self._wire.submit, self.counters)
        self._clients[connection] = client
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._serve(client))

    def _serve(self, client: Client) -> None:
        """A client is readable, or writable again; the end of the round flushes its output."""
        if client.connection in self._clients and not client.read():
            self._drop(client)

    def _flush(self, client: Client) -> None:
        was_blocked = client.blocked
        if not client.write():
            self._drop(client)
        elif len(client.output) > self._queue_bytes:
            self.counters["slow-clients"] += 1
            self._drop(client)
        elif client.blocked is not was_blocked:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.blocked else 0)
            self._selector.modify(client.connection, events, lambda: self._serve(client))

    def _drop(self, client: Client) -> None:
        self._selector.unregister(client.connection)
        del self._clients[client.connection]
        client.connection.close()

    def _drain_wakee(self) -> None:
        self._wakee.recv(4096)

    def _flush_log(self, now_s: float) -> None:
        if self._log is not None:
            self._log.flush()

    def _close(self) -> None:
        for client in list(self._clients.values()):
            self._drop(client)
        self._wakee.close()
        if self._listener is not None:
            self._listener.close()
        if self._log is not None:
            self._log.close()
