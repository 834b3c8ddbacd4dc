"""A cable between a tool and a board: with a rate and a latency, or a bad one, or one that is cut.

What the tool opens is a terminal of its own; bytes pass as they do on a line of 8N1.
"""

from __future__ import annotations

import os
import pty
import queue
import select
import threading
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Self

import serial

BITS_A_BYTE = 10
# How often a line hands on what came: the latency timer of an adapter is coarser than that.
_SLICE_S = 0.004


@dataclass(frozen=True)
class Faults:
    """Chances for each byte, in both directions. A delay is up to `delay_s`."""

    lost: float = 0.0
    doubled: float = 0.0
    delayed: float = 0.0
    delay_s: float = 0.1


class SerialCable:
    """`port` is what the tool opens. `baud` None: as fast as it goes. `cut` is called once, when so
    many bytes have gone to the board, and nothing passes any more."""

    def __init__(
        self,
        board_port: str,
        *,
        baud: int | None = None,
        latency_s: float = 0.0,
        faults: Faults = Faults(),
        random: Random | None = None,
        cut_after: int | None = None,
        cut: Callable[[], None] = lambda: None,
    ) -> None:
        self._baud, self._latency_s, self._faults = baud, latency_s, faults
        self._random = random or Random(0)
        self._cut_after, self._cut = cut_after, cut
        self.to_board = self.to_tool = 0  # bytes
        self._board = serial.Serial(board_port, timeout=0, exclusive=True)
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        self.port = os.ttyname(self._theirs)
        self._stop_read, self._stop_write = os.pipe()
        self._plugged, self._hung_up = True, False
        self._threads = [
            *self._line(self._ours, self._board.fileno(), to_board=True),
            *self._line(self._board.fileno(), self._ours, to_board=False),
        ]

    def _line(self, source: int, target: int, *, to_board: bool) -> list[threading.Thread]:
        """One direction: what clocks the bytes out, and what hands them on after the latency."""
        under_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        return [
            threading.Thread(target=self._clock_out, args=(source, under_way), daemon=True),
            threading.Thread(target=self._arrive, args=(under_way, target, to_board), daemon=True),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._plugged = False
        os.write(self._stop_write, b"x")
        for thread in self._threads:
            thread.join()
        self._board.close()
        if not self._hung_up:
            os.close(self._ours)
        for descriptor in (self._theirs, self._stop_read, self._stop_write):
            os.close(descriptor)

    def _clock_out(self, source: int, under_way: queue.SimpleQueue[tuple[float, bytes]]) -> None:
        rate = (self._baud or 1 << 30) / BITS_A_BYTE
        size = max(1, min(4096, int(rate * _SLICE_S)))
        free_s = 0.0
        while data := self._read(source, size):
            # A slice that this thread was late for was on the line meanwhile.
            free_s = max(free_s, time.monotonic() - _SLICE_S) + len(data) / rate
            time.sleep(max(0.0, free_s - time.monotonic()))
            under_way.put((free_s + self._latency_s, data))
        under_way.put((0.0, b""))

    def _read(self, source: int, size: int) -> bytes:
        """Nothing once the cable is unplugged."""
        ready, _, _ = select.select([source, self._stop_read], [], [])
        if self._stop_read in ready:
            return b""
        try:
            return os.read(source, size)
        except OSError:  # the other end is gone
            return b""

    def _arrive(
        self, under_way: queue.SimpleQueue[tuple[float, bytes]], target: int, to_board: bool
    ) -> None:
        while True:
            due_s, data = under_way.get()
            if not data or not self._plugged:
                return
            time.sleep(max(0.0, due_s - time.monotonic()))
            data = self._spoil(data)
            if to_board and self._cut_after is not None:
                left = self._cut_after - self.to_board
                if left <= len(data):
                    self._write(target, data[: max(0, left)])
                    self._unplug()
                    return
            if to_board:
                self.to_board += len(data)
            else:
                self.to_tool += len(data)
            self._write(target, data)

    def _write(self, target: int, data: bytes) -> None:
        while data and self._plugged:
            select.select([], [target], [], 0.1)
            try:
                data = data[os.write(target, data) :]
            except BlockingIOError:
                continue
            except OSError:
                return

    def _spoil(self, data: bytes) -> bytes:
        faults = self._faults
        if not (faults.lost or faults.doubled or faults.delayed):
            return data
        out = bytearray()
        for byte in data:
            chance = self._random.random()
            if chance < faults.lost:
                continue
            out.append(byte)
            if chance < faults.lost + faults.doubled:
                out.append(byte)
            elif chance < faults.lost + faults.doubled + faults.delayed:
                time.sleep(self._random.uniform(0, faults.delay_s))
        return bytes(out)

    def _unplug(self) -> None:
        self._plugged = False
        self._cut()
        os.write(self._stop_write, b"x")
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()
        # The terminal hangs up, as a port does whose cable is pulled.
        os.close(self._ours)
        self._hung_up = True
