"""The thread of updates: asks what is wanted, fetches, verifies, waits for the leave, hands over.

Nothing here touches the chain or the outbox: an update that fails, however, costs itself alone.
"""

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

from edge_gateway.updates import install
from edge_gateway.updates.errors import NotLoggedError, UpdateError, WaitError
from edge_gateway.updates.line import Line, Upward
from edge_gateway.updates.partial import Partials
from edge_gateway.updates.port import Port
from edge_gateway.updates.repository import Bundle, Repository
from edge_gateway.updates.settings import UpdateSettings
from edge_gateway.updates.tester import Tester
from edge_gateway.updates.vehicle import VehicleUpdate
from fleet_backend.ledger.errors import LedgerError
from fleet_backend.ledger.note import Verifier
from fleet_backend.receipts.logged import check_logged, trusting
from protocol import command, delivery, presentation, release
from protocol.errors import ProtocolError

log = logging.getLogger("edge_gateway")

_TICK_S = 0.5
_TELL_S = 1.0
_RECEIPT_MOST = 1 << 18


class Updates:
    """`arrived` and `commanded` from any thread; both return at once."""

    def __init__(
        self,
        settings: UpdateSettings,
        root: bytes,
        upward: Upward,
        ports: Mapping[str, Port],
        logs: tuple[Verifier, ...],
        time_is_known: Callable[[], bool],
        is_busy: Callable[[], bool],
    ) -> None:
        """`ports` by vehicle; `logs`: whose receipts count."""
        self.counters: Counter[str] = Counter()
        self._settings = settings
        self._ports = ports
        self._logs = logs
        self._time_is_known = time_is_known
        self._stop = threading.Event()
        self._commands: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        partials = Partials(settings.folder / "partial")
        self._line = Line(upward, partials, self._stop, is_busy)
        self._repository = Repository(settings.folder, root, self._line)
        self._vehicles: dict[str, VehicleUpdate] = {}
        self._bundles: dict[bytes, Bundle] = {}
        self._check_s = self._tell_s = 0.0
        self._told: dict[str, tuple[int, int, int]] = {}
        self._thread = threading.Thread(target=self._run, name="updates", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)

    def arrived(self, unverified: bytes) -> None:
        """A message on down/release. Raises DecodeError."""
        self._line.arrived(unverified)

    def commanded(self, vehicle: str, presented: bytes) -> None:
        """A presentation is on its way to a vehicle. One that allows a release is noted; whether
        it does, the vehicle decides.
        """
        asked = presentation.decode(presented).command
        if asked.action == command.UPDATE:
            digest = asked.args.get(0)
            if isinstance(digest, bytes):
                self._commands.put((vehicle, digest))

    def _run(self) -> None:
        while not self._stop.wait(_TICK_S):
            try:
                self.turn(time.monotonic())
            except UpdateError as error:
                log.info("updates: %s", error)
            except Exception:  # a fault of ours must not end the gateway, which has records to keep
                log.exception("updates")
                self.counters["update faults"] += 1
                self._stop.wait(self._settings.check_s)

    def turn(self, now_s: float) -> None:
        """Whatever is due. Raises UpdateError."""
        while not self._commands.empty():
            vehicle, digest = self._commands.get()
            one = self._vehicles.get(vehicle)
            if one is not None and one.want.digest == digest:
                one.commanded(now_s)
            else:
                self._check_s = now_s  # it may have been wanted since
        if now_s >= self._check_s:
            self._check_s = now_s + self._settings.check_s
            self._take_wants(now_s)
        for one in list(self._vehicles.values()):
            if one.needs_bundle(now_s):
                self._fetch(one)
            if one.may_try(time.monotonic()):
                self._install(one)
        self._tell_all(now_s)

    def _take_wants(self, now_s: float) -> None:
        wants = {one.vehicle: one for one in self._line.ask_wanted() if one.vehicle in self._ports}
        for vehicle in list(self._vehicles):
            if vehicle not in wants or wants[vehicle].digest != self._vehicles[vehicle].want.digest:
                del self._vehicles[vehicle]
                self._told.pop(vehicle, None)
        for vehicle, want in wants.items():
            if vehicle not in self._vehicles:
                log.info("%s shall have %s", vehicle, want.target)
                self._vehicles[vehicle] = VehicleUpdate(want, now_s)
        digests = {one.want.digest for one in self._vehicles.values()}
        self._bundles = {key: one for key, one in self._bundles.items() if key in digests}

    def _fetch(self, one: VehicleUpdate) -> None:
        try:
            if not self._time_is_known():
                raise UpdateError("the clock is not set", delivery.NO_CLOCK)
            self._line.progress = lambda done, size: self._tell_progress(
                one, delivery.FETCHING, done, size
            )
            digest = one.want.digest
            if digest not in self._bundles:
                self._bundles[digest] = self._checked(self._repository.get(one.want.target, digest))
        except UpdateError as error:
            log.warning("%s: no bundle: %s", one.want.vehicle, error)
            one.failed(error.code, time.monotonic())
            return
        one.told(delivery.FETCHED, 0, 1000)

    def _checked(self, bundle: Bundle) -> Bundle:
        """The head is the wanted release, and the ledger has it. Raises NotLoggedError."""
        data = bundle.path.read_bytes()
        try:
            head = data[: release.head_bytes(data[: release.START_BYTES])]
            if release.digest(release.decode_head(head).raw) != bundle.digest:
                raise NotLoggedError("the bundle is of another release")
            with bundle.receipt.open("rb") as file:
                check_logged(head, file.read(_RECEIPT_MOST + 1), trusting(self._logs))
        except (ProtocolError, LedgerError) as error:
            raise NotLoggedError(f"no receipt of the ledger: {error}") from error
        return bundle

    def _install(self, one: VehicleUpdate) -> None:
        vehicle, now_s = one.want.vehicle, time.monotonic
        bundle = self._bundles[one.want.digest]
        try:
            data = self._checked(bundle).path.read_bytes()  # swapped since? the vehicle looks too
            with Tester(self._ports[vehicle]) as tester:
                install.install(
                    tester,
                    data,
                    lambda done: self._tell_progress(one, delivery.INSTALLING, done, len(data)),
                    self._stop.is_set,
                )
        except WaitError as error:
            log.info("%s: %s", vehicle, error)
            one.waits(error.code, now_s())
        except UpdateError as error:
            log.warning("%s: %s", vehicle, error)
            one.failed(error.code, now_s())
        else:
            log.info("%s has %s, on trial", vehicle, one.want.target)
            self.counters["updates handed over"] += 1
            one.told(delivery.HANDED_OVER, 0, 1000)

    def _tell_progress(self, one: VehicleUpdate, state: int, done: int, size: int) -> None:
        permille = min(1000, done * 1000 // size) if size else 0
        one.told(state, 0, permille)
        now_s = time.monotonic()
        if now_s >= self._tell_s:
            self._tell_s = now_s + _TELL_S
            self._tell_all(now_s)

    def _tell_all(self, now_s: float) -> None:
        """What the backend does not know yet; all of it again with each question what is wanted."""
        again = now_s + self._settings.check_s - self._check_s < _TICK_S
        for vehicle, one in self._vehicles.items():
            state = one.state
            shown = state.state, state.code, state.permille
            if again or self._told.get(vehicle) != shown:
                with suppress(ProtocolError):
                    if self._line.tell(state):
                        self._told[vehicle] = shown
