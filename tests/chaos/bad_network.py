"""A TCP relay that behaves as a bad radio link does underneath a TCP connection.

A connection never sees a lost segment: it sees a pause, because the sender repeats the segment
after a time that doubles, and everything behind it waits. So a segment here is late by `delay_s`,
and by 0.2, 0.4, 0.8 ... s more for each time that it is "lost". A link may also be cut (reset) or
go silent (nothing passes, nobody is told). One thread, seeded.
"""

import asyncio
import random
import socket
import struct
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"
SEGMENT_BYTES = 1_460
_FIRST_RETRY_S = 0.2
_LONGEST_RETRY_S = 60.0
_WINDOW_SEGMENTS = 64  # on their way in one direction; then the sender waits


@dataclass(frozen=True)
class Quality:
    """`loss`: the chance that a segment is lost, each time that it is sent."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0


GOOD = Quality()


class BadNetwork:
    """Relays a port of its own to `port`; a context manager. `quality` may be set at any time."""

    def __init__(self, port: int, seed: int, quality: Quality = GOOD) -> None:
        self.quality = quality
        self.silent = False
        self.port = 0
        self.passed = 0  # segments
        self.lost = 0  # times that a segment was lost
        self._target = port
        self._chance = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bad network", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def retarget(self, port: int) -> None:
        """New connections go there."""
        self._target = port

    def cut(self) -> None:
        """Reset every connection."""
        self._loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        for writer in self._open:
            _reset(writer)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._accepted, LOOPBACK, 0, limit=SEGMENT_BYTES)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        self._loop.run_forever()
        server.close()
        self._cut()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._loop.run_until_complete(server.wait_closed())
        self._loop.close()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(LOOPBACK, self._target)
        except OSError:
            _reset(writer)
            return
        self._open |= {writer, back}
        both = [
            self._loop.create_task(self._pass(reader, back)),
            self._loop.create_task(self._pass(there, writer)),
        ]
        self._tasks.update(both)
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()
            self._tasks.discard(task)
        await asyncio.gather(*both, return_exceptions=True)
        for end in (writer, back):
            end.transport.abort()
            self._open.discard(end)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """In order: what is late makes what follows late."""
        sent: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_WINDOW_SEGMENTS)
        reading = self._loop.create_task(self._read(reader, sent))
        try:
            while True:
                arrives, data = await sent.get()
                await asyncio.sleep(arrives - self._loop.time())
                while self.silent:
                    await asyncio.sleep(0.05)
                if not data:
                    return
                writer.write(data)
                await writer.drain()
                self.passed += 1
        except OSError:
            return
        finally:
            reading.cancel()

    async def _read(
        self, reader: asyncio.StreamReader, sent: "asyncio.Queue[tuple[float, bytes]]"
    ) -> None:
        try:
            while data := await reader.read(SEGMENT_BYTES):
                await sent.put((self._loop.time() + self._takes_s(), data))
        except OSError:
            pass
        await sent.put((self._loop.time() + self.quality.delay_s, b""))

    def _takes_s(self) -> float:
        quality = self.quality
        takes = quality.delay_s + self._chance.uniform(0, quality.jitter_s)
        retry = _FIRST_RETRY_S
        while self._chance.random() < quality.loss:
            self.lost += 1
            takes += retry
            retry = min(retry * 2, _LONGEST_RETRY_S)
        return takes


def _reset(writer: asyncio.StreamWriter) -> None:
    """Without a goodbye: the other side gets ECONNRESET."""
    end = writer.get_extra_info("socket")
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
