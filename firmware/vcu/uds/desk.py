"""Behind the door of vcu/diagnosis.py: session and trouble codes, and who serves a tester.

Each part is loaded by who needs it first: trouble codes by a fault, the server by a frame.
"""

import gc

from vcu.diagnosis import BROADCAST, REQUEST

DEFAULT, PROGRAMMING, EXTENDED = 1, 2, 3
RESET_AFTER_MS = 500  # so that whoever asked gets its answer
_MOST_FRAMES = 4  # that came before the server was loaded
_MOST_FAULTS = 16

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator


def tidy() -> None:
    """What lives long lies together, or no piece is left for a message. CPython has room."""
    if hasattr(gc, "mem_free"):
        gc.collect()


class Desk:
    """`door` is the Diagnosis of the vehicle. `session`, `refusal` and `update_code` are the
    server's."""

    def __init__(self, vehicle: "Any", door: "Any") -> None:
        self._vehicle = vehicle
        self._door = door
        self._frames: "list[tuple[int, bytes]]" = []
        self._faults: "list[tuple[int, int]]" = []
        self._loading: "Iterator[None] | None" = None
        self._retry_ms = 0
        self._now_ms = 0
        self._reset_at_ms = -1
        self._values: "Any" = None
        self._channel: "Any" = None
        self._server: "Any" = None
        self.troubles: "Any" = None
        self.session = DEFAULT
        self.refusal = 0
        self.update_code = 0
        waiting, door.waiting = door.waiting, []
        for what, which in waiting:
            self.came(what, which, 0)

    def is_open(self, now_ms: int) -> bool:
        open_ms: int = self._door.left_ms(now_ms)
        return open_ms > 0

    def left_s(self, now_ms: int) -> int:
        left_ms: int = self._door.left_ms(now_ms)
        return left_ms // 1000

    def is_parked(self) -> bool:
        parked: bool = self._vehicle.drive.is_parked()
        return parked

    def in_session(self) -> bool:
        return self.session != DEFAULT

    def ask_for_reset(self, now_ms: int) -> None:
        self._reset_at_ms = now_ms + RESET_AFTER_MS

    def wants_reset(self, now_ms: int) -> bool:
        if not 0 <= self._reset_at_ms <= now_ms:
            return False
        self._reset_at_ms = -1
        return self.is_parked()  # whoever wants to drive comes first

    def settle(self, outcome: "int | None") -> None:
        """Of the presentation that was checked just now, None if it still is."""
        if self._server is not None and outcome is not None:
            self._server.security.settle(outcome)

    # --- faults ---

    def present(self) -> "list[int]":
        """Trouble codes of the faults that are there now."""
        from vcu.uds import troubles

        return [troubles.number_of(node, code) for node, code in self._present()]

    def see_again(self) -> None:
        """After the memory was cleared."""
        self._faults = self._present()

    def _present(self) -> "list[tuple[int, int]]":
        watch = self._vehicle.watch
        return watch.faults.names() if watch else []

    # --- one turn of the loop ---

    def came(self, what: int, which: "Any", now_ms: int) -> None:
        """A tester's frame, or the code of a node's fault."""
        if what not in (REQUEST, BROADCAST):
            if len(self._faults) < _MOST_FAULTS:
                self._faults.append((what, which))
        elif self._channel is not None:
            self._channel.take(what, which, now_ms)
        elif len(self._frames) < _MOST_FRAMES:
            self._frames.append((what, which))

    def has_work(self, now_ms: int) -> bool:
        if self._channel is not None and self._channel.has_work():
            return True
        if self._loading or self._frames or self._faults:
            return now_ms >= self._retry_ms
        return self.troubles is not None and self.troubles.is_due(now_ms)

    def pump(self, now_ms: int) -> bool:
        """True if a frame left."""
        if self._channel is None:
            return False
        try:
            left: bool = self._channel.pump(now_ms)
        except MemoryError:
            return False
        return left

    def give_up(self, retry_ms: int) -> None:
        """Memory ran out."""
        self._loading = None
        self._frames = []
        self._retry_ms = retry_ms

    def work(self, now_ms: int) -> None:
        """One piece. Raises MemoryError."""
        self._now_ms = now_ms
        if self._loading is not None:
            tidy()
            try:
                next(self._loading)
            except StopIteration:
                self._loading = None
        elif self._channel is not None and self._channel.has_work():
            self._channel.work(now_ms)
        elif self.troubles is None:
            self._loading = self._load_troubles()
        elif self._faults:
            node, code = self._faults.pop(0)
            frame = self._values.freeze_frame(self._vehicle, code, now_ms)
            self.troubles.saw(node, code, frame, now_ms)
        elif self._frames:
            self._loading = self._load_server()
        elif self.troubles.is_due(now_ms):
            self.troubles.write(now_ms)

    # --- a module at a time, for they take a while ---

    def _load_troubles(self) -> "Iterator[None]":
        from protocol import uds_table  # noqa: F401

        yield
        from vcu.uds import values

        yield
        from vcu.uds.troubles import Troubles

        yield
        self._values = values
        vehicle = self._vehicle
        self.troubles = Troubles(vehicle.folder, vehicle.state.boot, self._now_ms)

    def _load_server(self) -> "Iterator[None]":
        from vcu.uds import answers, reports  # noqa: F401

        yield
        from vcu.uds import download, security  # noqa: F401

        yield
        from vcu.uds import routines  # noqa: F401

        yield
        from vcu.uds.server import Server

        yield
        from vcu.uds.channel import Channel

        yield
        self._server = Server(self._vehicle, self)
        channel = Channel(self._vehicle.bus.send, self._server)
        watch = self._vehicle.watch
        if watch:
            sources = channel.health_sources()
            for at in range(0, len(sources), 3):
                watch.health.add(sources[at], sources[at + 1], sources[at + 2])
        frames, self._frames = self._frames, []
        for identifier, data in frames:
            channel.take(identifier, data, self._now_ms)
        self._channel = channel
