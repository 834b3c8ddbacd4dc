"""The virtual board: keeps one MicroPython running behind one terminal, as a chip behind USB.

Soft reset = a new interpreter on the same flash; hard reset, power cut and watchdog = the same
after SIGKILL. All work happens in one thread; nothing is polled. When this process dies, the
interpreter dies.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

from boards.errors import BoardError
from boards.pins import read_pins
from boards.virtual import child as interpreter
from boards.virtual import flash_image, tty_link
from boards.virtual.bridge import Pipe, read_some
from boards.virtual.console import Console
from boards.virtual.environment import Start, environment
from boards.virtual.inputs import Inputs
from boards.virtual.keyboard import Keyboard
from boards.virtual.orders import Orders
from boards.virtual.settings import VirtualBoardSettings
from boards.virtual.sleep import PIN_WAKE, RTC_WAKE, Sleep
from boards.virtual.watchdog import Watchdog
from boards.virtual.watcher import READ, WRITE, Watcher
from boards.virtual.wires import Wires

log = logging.getLogger("boards.virtual")

POWER_ON, HARD_RESET, WATCHDOG_RESET, DEEP_SLEEP_RESET, SOFT_RESET = range(1, 6)
_REQUEST = struct.Struct("<cI")
# A program that ends at once is started again, but not as fast as the computer can.
SHORT_RUN_S = 0.5
PAUSE_S = 0.2


class VirtualBoard:
    """`with VirtualBoard(settings) as board: board.tty`. Methods may be called from any thread."""

    def __init__(self, settings: VirtualBoardSettings) -> None:
        self.settings = settings
        self.boots = 0
        self.reset_cause = POWER_ON
        self._tty = ""
        self._thread: threading.Thread | None = None
        self._orders = Orders()
        self._started = threading.Event()
        self._fault: BaseException | None = None
        self._sleep: Sleep | None = None

    @property
    def tty(self) -> str:
        """Path of the terminal that tools open; stays the same from start() to stop()."""
        return self._tty

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def asleep(self) -> bool:
        """In deep sleep: no program runs."""
        return self.alive and self._sleep is not None

    def start(self) -> None:
        """Powers the board. Raises BoardError where it cannot run."""
        if self.alive:
            raise BoardError("the board runs already")
        self._started.clear()
        self._fault = None
        self._thread = threading.Thread(target=self._main, name="virtual board", daemon=True)
        self._thread.start()
        self._started.wait()
        if self._fault is not None:
            self._thread.join()
            raise self._fault

    def stop(self) -> None:
        """Cuts the power for good. Safe to call twice."""
        if self._thread is None:
            return
        self._order(self._stop)
        self._thread.join()

    def reset(self) -> None:
        """The reset button."""
        self._order(lambda: self._restart(HARD_RESET))

    def power_cut(self) -> None:
        """The power goes in the middle of whatever the board does, and comes back."""
        self._order(lambda: self._restart(POWER_ON))

    def set_clock_offset(self, seconds: int) -> None:
        """Makes the board's battery-backed clock wrong by so much."""
        self._order(lambda: flash_image.set_clock_offset(self._clock, seconds))

    def set_pin(self, name: str, level: int | None) -> None:
        """Drives an input of pins.csv to 0 or 1; None: nothing is connected."""
        self._order(lambda: self._pin_changed(name, self._inputs.set_pin(name, level)))

    def set_analog(self, name: str, value: int | None) -> None:
        """What ADC.read_u16() of an analog pin of pins.csv says; None: nothing is connected."""
        self._order(lambda: self._inputs.set_analog(name, value))

    def __enter__(self) -> VirtualBoard:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _order(self, work: Callable[[], None]) -> None:
        self._orders.give(work, lambda: self.alive)

    # --- everything below runs in the board's thread ---

    def _main(self) -> None:
        try:
            self._open()
        except BaseException as error:
            self._fault = error
            self._started.set()
            return
        try:
            self._power_on(POWER_ON)
            self._started.set()
            while self._running:
                self._turn()
        except BaseException as error:
            self._fault = error
            log.exception("board stopped: %s", self.settings.image)
        finally:
            self._started.set()
            self._close()

    def _open(self) -> None:
        self._interpreter = interpreter.find_interpreter()
        self._pins = read_pins(Path(__file__).parent)
        self._inputs = Inputs(self._pins)
        self._wires = Wires(self._pins, self.settings.wires, self._inputs)
        self._armed: dict[str, int] = {}
        self._image = flash_image.open_image(self.settings)
        self._clock = flash_image.open_clock(self.settings)
        self._unique_id = flash_image.unique_id(self.settings)
        self._watchdog = Watchdog()
        self._orders.open()
        self._requests, self._control = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._ours, self._theirs = interpreter.open_raw_pty(signals=False)
        self._tty = os.ttyname(self._theirs)
        tty_link.publish(self._tty, self.settings.tty_link)
        self._to_tool, self._typing = Pipe(), Keyboard()
        self._child: interpreter.Child | None = None
        self._resume_s: float | None = None
        self._running = True
        self._watcher = Watcher()
        self._watcher.watch(self._orders.wake)
        self._watcher.watch(self._requests)

    def _close(self) -> None:
        self._end_child(drain=False)
        self._wake_up()
        for part in (self._watcher, self._watchdog, self._inputs, self._orders):
            part.close()
        for descriptor in (self._image, self._clock, self._requests, self._control):
            os.close(descriptor)
        os.close(self._ours)
        os.close(self._theirs)
        tty_link.withdraw(self._tty, self.settings.tty_link)

    def _stop(self) -> None:
        self._running = False

    def _power_on(self, cause: int, *, raw: bool = False, wake_reason: int = 0) -> None:
        self._resume_s = None
        self._wake_up()
        if cause != SOFT_RESET:
            self._watchdog.clear()
            self._wires.power_on()
        marker = b"\x1e" + secrets.token_hex(8).encode() + b"\x1e"
        self._console = Console(marker, raw=raw)
        self.reset_cause = cause
        self._born_s = time.monotonic()
        files = (
            *(self._image, self._control, self._watchdog.descriptor, self._clock),
            *(self._inputs.descriptor, self._inputs.edges),
        )
        start = Start(cause, wake_reason, marker, files, raw)
        env = environment(self.settings, self._pins, self._unique_id, start)
        heap = str(self.settings.interpreter_heap_bytes)
        self._child = interpreter.spawn(self._interpreter, heap, env, files)
        self._watcher.watch(self._child.ended)
        self.boots += 1
        log.info("board started: %s cause %d", self.settings.image, cause)

    def _end_child(self, *, drain: bool) -> int:
        """The interpreter is over, by itself or now by force."""
        child, self._child = self._child, None
        if child is None:
            return 0
        child.kill()
        try:
            if drain:
                while data := read_some(child.terminal):
                    self._show(data)
                self._to_tool.put(self._console.end())
            self._watcher.forget(child.terminal)
            self._watcher.forget(child.ended)
            self._typing.clear()
        finally:  # whatever went wrong, no process is left that nobody waited for
            code = child.close()
        return code

    def _restart(self, cause: int) -> None:
        self._end_child(drain=True)
        self._power_on(cause)

    def _on_end(self) -> None:
        """The interpreter ended by itself: Ctrl-D, SystemExit, or a crash."""
        code = self._end_child(drain=True)
        # Ctrl-C between a program and the prompt ends this port, where a chip goes on.
        if code not in (0, -signal.SIGKILL, -signal.SIGINT):
            log.warning("interpreter ended with %d: %s", code, self.settings.image)
        self._to_tool.put(b"MPY: soft reboot\r\n")
        short = time.monotonic() - self._born_s < SHORT_RUN_S and not self._console.raw
        if short:
            self._resume_s = time.monotonic() + PAUSE_S
        else:
            self._power_on(SOFT_RESET, raw=self._console.raw)

    def _turn(self) -> None:
        """One round: wait for something to do, do it, pass the bytes on."""
        self._adjust()
        for descriptor in self._watcher.ready(self._patience_s()):
            self._handle(descriptor)
        self._flush()
        remaining = self._watchdog.remaining_ms()
        if remaining is not None and remaining <= 0:
            log.warning("watchdog bites: %s", self.settings.image)
            self._restart(WATCHDOG_RESET)
        if self._resume_s is not None and time.monotonic() >= self._resume_s:
            self._power_on(SOFT_RESET, raw=self._console.raw)
        if self._sleep is not None and self._sleep.timer_is_over():
            self._power_on(DEEP_SLEEP_RESET, wake_reason=RTC_WAKE)

    def _fall_asleep(self, sleep_ms: int) -> None:
        """Deep sleep: the watchdog goes on, as on STM32 chips with their option bytes untouched."""
        self._end_child(drain=True)
        settings = self.settings
        can = (settings.can_host, settings.can_port) if settings.can_port else None
        self._sleep = Sleep(sleep_ms, self._armed, can)
        if self._sleep.descriptor is not None:
            self._watcher.watch(self._sleep.descriptor)
        log.info("board asleep: %s", settings.image)

    def _wake_up(self) -> None:
        """Whatever woke it; also where it did not sleep."""
        self._armed = {}
        if self._sleep is None:
            return
        self._forget_bus()
        self._sleep.close()
        self._sleep = None

    def _forget_bus(self) -> None:
        if self._sleep is not None and self._sleep.descriptor is not None:
            self._watcher.forget(self._sleep.descriptor)

    def _bus_stirs(self, sleep: Sleep) -> None:
        self._forget_bus()
        if sleep.hears_frame():
            self._power_on(DEEP_SLEEP_RESET, wake_reason=PIN_WAKE)
        elif sleep.descriptor is not None:
            self._watcher.watch(sleep.descriptor)

    def _pin_changed(self, name: str, edge: int) -> None:
        if self._sleep is not None and self._sleep.is_woken_by(name, edge):
            self._power_on(DEEP_SLEEP_RESET, wake_reason=PIN_WAKE)

    def _handle(self, descriptor: int) -> None:
        if descriptor == self._orders.wake:
            self._orders.serve()
        elif descriptor == self._requests:
            self._serve_requests()
        elif descriptor == self._ours:
            self._listen()
        elif self._sleep is not None and descriptor == self._sleep.descriptor:
            self._bus_stirs(self._sleep)
        else:
            self._handle_child(descriptor)

    def _handle_child(self, descriptor: int) -> None:
        child = self._child
        if child is None:
            return  # it ended earlier in this round
        if descriptor == child.terminal and not self._to_tool.full:
            self._show(read_some(child.terminal) or b"")
        elif descriptor == child.ended:
            self._on_end()

    def _listen(self) -> None:
        if not self._typing.full:
            typed = read_some(self._ours) or b""
            self._typing.put(b"" if self._sleep is not None else typed)  # asleep, it is deaf
            self._to_tool.reader_is_there()

    def _serve_requests(self) -> None:
        data = read_some(self._requests) or b""
        for offset in range(0, len(data) - _REQUEST.size + 1, _REQUEST.size):
            word, value = _REQUEST.unpack_from(data, offset)
            if word == b"W":
                self._watchdog.start(value)
            elif word == b"R":
                self._restart(HARD_RESET)
            elif word == b"S":
                self._on_end()
            elif word == b"A":
                self._armed[self._pins[value & 0xFF].name] = value >> 8
            elif word == b"O":
                self._wires.output_is(value >> 1, value & 1)
            elif word == b"D":
                self._fall_asleep(value)

    def _show(self, data: bytes) -> None:
        shown, answer = self._console.output(data)
        self._to_tool.put(shown)
        if answer and self._child is not None:
            os.write(self._child.terminal, answer)

    def _flush(self) -> None:
        self._to_tool.write_to(self._ours)
        if self._child is not None and not self._console.deaf:
            self._typing.write_to(self._child)

    def _adjust(self) -> None:
        """Asks only for events that can be used now, so that no full buffer makes the loop spin."""
        mask = (not self._typing.full) * READ | bool(self._to_tool) * WRITE
        self._watcher.watch(self._ours, mask)
        if self._child is not None:
            typing = self._typing.ready and not self._console.deaf
            mask = (not self._to_tool.full) * READ | typing * WRITE
            self._watcher.watch(self._child.terminal, mask)

    def _patience_s(self) -> float | None:
        waits = [self._to_tool.patience_s(), self._typing.patience_s()]
        remaining = self._watchdog.remaining_ms()
        if remaining is not None:
            waits.append(max(0, remaining) / 1000)
        if self._resume_s is not None:
            waits.append(max(0.0, self._resume_s - time.monotonic()))
        if self._sleep is not None:
            waits.append(self._sleep.patience_s())
        return min((wait for wait in waits if wait is not None), default=None)
