"""The thread of one bus: ISO-TP to and from the vehicle, our heartbeat, and coming back.

It decides nothing: messages go to the inbox. A bus that is absent or lost is opened again.
"""

import logging
import os
import select
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping

import can

from edge_gateway.adapters import (
    RECORD_FC_ID,
    RECORD_ID,
    REQUEST_FC_ID,
    REQUEST_ID,
    UDS_ANSWER_ID,
    UDS_REQUEST_ID,
    handle_of,
    open_bus,
)
from edge_gateway.backoff import Backoff
from edge_gateway.bus_settings import BusSettings
from edge_gateway.downlink import Delivery, Report
from edge_gateway.errors import CanLostError
from edge_gateway.events import Inbox, LinkMessage
from edge_gateway.isotp_channel import MAX_BYTES, IsoTpChannel
from edge_gateway.updates.port import Port
from edge_gateway.window import Name
from protocol import can as codec
from protocol import courier, link
from protocol.can_table import MESSAGES

log = logging.getLogger("edge_gateway")

_HEARTBEAT_ID = MESSAGES["GW_Heartbeat"][0]
_HEARTBEAT_S = MESSAGES["GW_Heartbeat"][2] / 1000
_IDLE_S = 0.5
# How often a bus is asked that cannot be waited for.
_POLL_S = 0.005
_TELL_AGAIN_S = 600.0
_HELLO_AGAIN_S = 10.0


class VehicleBus:
    """For the gateway's thread: `stored`, `greet`, `deliver` and `stop`; all return at once."""

    def __init__(
        self,
        settings: BusSettings,
        commands_waiting: int,
        inbox: Inbox,
        heartbeat: Mapping[str, int],
        wall_s: Callable[[], float] = time.time,
        *,
        diagnoses: bool = False,
    ) -> None:
        """`heartbeat`: the signals of GW_Heartbeat. `diagnoses`: there is a `diagnostics` port."""
        self.counters: Counter[str] = Counter()
        self.connected = False
        self.heartbeat = dict(heartbeat)
        self._settings = settings
        self._limit = commands_waiting
        self._inbox = inbox
        self._wall_s = wall_s
        self._stop = threading.Event()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.diagnostics = Port(self._wake) if diagnoses else None
        self._deliveries: deque[Delivery] = deque()
        # A slot of one: a higher name says what a lower one, not sent yet, would say.
        self._stored: Name | None = None
        self._stored_lock = threading.Lock()
        self._ask_hello = False
        self._told, self._tell_again_s = "", 0.0
        self._thread = threading.Thread(
            target=self._run, name=f"can {settings.vehicle}", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread still runs; it ends by `stop` alone."""
        return self._thread.is_alive()

    def stop(self) -> None:
        self._stop.set()
        self._wake()
        self._thread.join(5)
        os.close(self._wake_read)
        os.close(self._wake_write)

    def stored(self, name: Name) -> None:
        """Tell the vehicle that everything up to `name` is on disk. The highest one counts."""
        with self._stored_lock:
            self._stored = name if self._stored is None else max(self._stored, name)
        self._wake()

    def greet(self) -> None:
        """Ask the vehicle who it is, at most every few seconds."""
        self._ask_hello = True
        self._wake()

    def deliver(self, delivery: Delivery) -> bool:
        """Queue a presentation; its Report comes to the inbox. False: too many wait already."""
        if len(self._deliveries) >= self._limit:
            return False
        self._deliveries.append(delivery)
        self._wake()
        return True

    def _wake(self) -> None:
        try:
            os.write(self._wake_write, b"w")
        except BlockingIOError:
            self.counters["wake pending"] += 1

    def _run(self) -> None:
        backoff = Backoff(0.2, 5.0)
        while not self._stop.is_set():
            try:
                bus = open_bus(self._settings, diagnoses=self.diagnostics is not None)
            except CanLostError as error:
                self._pause(error, backoff)
                continue
            backoff.reset()
            log.info("bus of %s opened", self._settings.vehicle)
            if (lost := self._serve(bus)) is not None:
                self._pause(lost, backoff)

    def _serve(self, bus: can.BusABC) -> Exception | None:
        """One session; why the bus was lost, or None where we stop."""
        self.connected = True
        try:
            _Session(self, bus).serve()
        except (CanLostError, can.CanError, OSError) as error:
            return error
        except Exception as error:
            # A fault of an adapter's driver, or of ours: with its trace, and this bus alone.
            log.exception("bus of %s", self._settings.vehicle)
            return error
        finally:
            self.connected = False
            bus.shutdown()
        return None

    def _pause(self, error: Exception, backoff: Backoff) -> None:
        # The same again and again: once, and then every tenth minute.
        if str(error) != self._told or time.monotonic() >= self._tell_again_s:
            log.warning("bus of %s: %s", self._settings.vehicle, error)
            self._told, self._tell_again_s = str(error), time.monotonic() + _TELL_AGAIN_S
        self.counters["bus lost"] += 1
        self.drop_expired()
        self._stop.wait(backoff.next_s())

    # Below: for the session, on the bus' own thread.

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    @property
    def wake_handle(self) -> int:
        return self._wake_read

    def received(self, message: bytes) -> None:
        self._inbox.put(LinkMessage(self._settings.vehicle, message))

    def report(self, delivery: Delivery, status: int) -> None:
        self._inbox.put(Report(delivery.command_id, status))

    def take_stored(self) -> Name | None:
        with self._stored_lock:
            name, self._stored = self._stored, None
        return name

    def take_greet(self) -> bool:
        """Whether a hello was asked for since the last call."""
        asked, self._ask_hello = self._ask_hello, False
        return asked

    def drop_expired(self) -> None:
        """What nobody may deliver any more is reported and forgotten."""
        for _ in range(len(self._deliveries)):
            delivery = self._deliveries.popleft()
            if delivery.has_expired(self._wall_s()):
                self.report(delivery, courier.EXPIRED)
            else:
                self._deliveries.append(delivery)

    def next_delivery(self) -> Delivery | None:
        """The next one that may still be sent, judged by the clock of this moment."""
        self.drop_expired()
        return self._deliveries.popleft() if self._deliveries else None


class _Session:
    """One time that the bus is open."""

    def __init__(self, owner: VehicleBus, bus: can.BusABC) -> None:
        self._owner = owner
        self._bus = bus
        self._requests = IsoTpChannel(REQUEST_ID, REQUEST_FC_ID, self._send)
        self._records = IsoTpChannel(RECORD_FC_ID, RECORD_ID, self._send)
        self._diagnostics = IsoTpChannel(UDS_REQUEST_ID, UDS_ANSWER_ID, self._send)
        self._channels = (self._requests, self._records, self._diagnostics)
        self._sending: Delivery | None = None
        self._alive = 0
        self._heartbeat_at = 0.0
        self._hello_at = 0.0
        self._hello = Backoff(1.0, 10.0)
        self._greeted = False

    def serve(self) -> None:
        """Until the owner stops or the bus is lost. Raises CanLostError, can.CanError, OSError."""
        try:
            while not self._owner.stopping:
                self._wait()
                self._receive()
                self._take_outcome()
                self._send_next()
                self._diagnose()
                self._send_heartbeat()
        finally:
            if self._sending is not None:
                self._owner.report(self._sending, courier.SILENT)

    def _wait(self) -> None:
        now = time.monotonic()
        waits = [_IDLE_S, self._heartbeat_at - now]
        waits += [w for c in self._channels if (w := c.wait_s()) is not None]
        if not self._greeted:
            waits.append(self._hello_at - now)
        handle = handle_of(self._bus)
        handles = [self._owner.wake_handle]
        if handle is None:
            waits.append(_POLL_S)
        else:
            handles.append(handle)
        ready, _, _ = select.select(handles, [], [], max(0.0, min(waits)))
        if self._owner.wake_handle in ready:
            os.read(self._owner.wake_handle, 4096)

    def _receive(self) -> None:
        while (message := self._bus.recv(0)) is not None:
            if message.is_error_frame or message.is_remote_frame or message.is_extended_id:
                continue
            for channel in self._channels:
                channel.accept(message.arbitration_id, bytes(message.data))
        self._requests.process()
        for data in self._records.process():
            if data[:1] == bytes((link.HELLO,)):
                self._greeted = True
                # The inbox may hold records that came before it: no reason to ask again.
                self._hello_at = time.monotonic() + _HELLO_AGAIN_S
            self._owner.received(data)
        if self._owner.take_greet():
            self._greeted = False

    def _diagnose(self) -> None:
        """Answers to the updates, and their next question. Never before a command or a record."""
        port = self._owner.diagnostics
        if port is None:
            return
        for answer in self._diagnostics.process():
            port.came(answer)
        self._diagnostics.outcome()
        if self._diagnostics.idle and (question := port.take()) is not None:
            self._diagnostics.start(question)
            self._diagnostics.process()

    def _take_outcome(self) -> None:
        transferred = self._requests.outcome()
        if transferred is not None and self._sending is not None:
            status = courier.DELIVERED if transferred else courier.SILENT
            self._owner.report(self._sending, status)
            self._sending = None

    def _send_next(self) -> None:
        if not self._requests.idle:
            return
        if (name := self._owner.take_stored()) is not None:
            self._start(link.encode_stored(*name))
        elif not self._greeted and time.monotonic() >= self._hello_at:
            self._hello_at = time.monotonic() + self._hello.next_s()
            self._start(link.pack(link.HELLO_REQUEST))
        elif (delivery := self._owner.next_delivery()) is not None:
            self._present(delivery)

    def _present(self, delivery: Delivery) -> None:
        message = link.pack(link.PRESENTATION, delivery.presentation)
        if len(message) > MAX_BYTES:
            self._owner.report(delivery, courier.MALFORMED)
            return
        self._sending = delivery
        self._start(message)

    def _start(self, message: bytes) -> None:
        self._requests.start(message)
        self._requests.process()

    def _send_heartbeat(self) -> None:
        now = time.monotonic()
        if now < self._heartbeat_at:
            return
        self._heartbeat_at = now + _HEARTBEAT_S
        self._alive = (self._alive + 1) & 15
        self._send(_HEARTBEAT_ID, codec.encode("GW_Heartbeat", self._owner.heartbeat, self._alive))

    def _send(self, identifier: int, data: bytes) -> None:
        self._bus.send(
            can.Message(arbitration_id=identifier, data=data, is_extended_id=False), timeout=0.5
        )
