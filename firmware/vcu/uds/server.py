"""Requests in, answers out: sessions, services, and what one has to wait for (ISO 14229-1).

One request at a time. What takes longer than P2 says "pending" until it has its answer.
"""

from vcu.uds import answers, reports, values
from vcu.uds.answers import need, negative
from vcu.uds.desk import DEFAULT, EXTENDED, PROGRAMMING
from vcu.uds.download import EXIT, REQUEST, TRANSFER, Download
from vcu.uds.routines import SERVICE as ROUTINE
from vcu.uds.routines import Routines
from vcu.uds.security import KEY, SEED, Security
from vcu.uds.security import SERVICE as SECURITY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SESSION, RESET, READ, PRESENT = 0x10, 0x11, 0x22, 0x3E
P2_MS = 50
P2_STAR_MS = 5_000
S3_MS = 5_000
_TELL_MS = 30  # before P2 is over
_TELL_AGAIN_MS = 2_500
_SUPPRESS = 0x80
_MOST_IDENTIFIERS = 16  # of one request
_HARD, _SOFT = 0x01, 0x03
# Which have a sub-function, with the bit that suppresses the positive answer.
_SUBFUNCTIONS = (SESSION, RESET, reports.READ, SECURITY, ROUTINE, PRESENT)
# What may be asked of all controllers at once.
_BROADCAST = (SESSION, READ, reports.READ, PRESENT)
_TIMING = bytes((0, P2_MS, P2_STAR_MS // 10 >> 8, P2_STAR_MS // 10 & 0xFF))


class Server:
    """`desk` is what stays in memory: session, security level, trouble codes."""

    def __init__(self, vehicle: "Any", desk: "Any") -> None:
        self._desk = desk
        self._vehicle = vehicle
        self.security = Security(vehicle, desk)
        self._download = Download(vehicle, desk)
        self._routines = Routines(vehicle, desk)
        self._job: Any = None
        self._service = 0
        self._quiet = False  # the positive answer is not wanted
        self._tell_ms = 0
        self._heard_ms = 0
        self._services = {
            SESSION: self._session,
            RESET: self._reset,
            READ: self._read,
            reports.READ: self._report,
            reports.CLEAR: self._clear,
            SECURITY: self._secure,
            ROUTINE: self._routine,
            REQUEST: self._ask_download,
            TRANSFER: self._transfer,
            EXIT: self._exit,
            PRESENT: self._present,
        }

    def is_busy(self) -> bool:
        """Is an answer still to come?"""
        return self._job is not None

    def take(self, request: bytes, broadcast: bool, at_ms: int, now_ms: int) -> bytes:
        """The answer, empty for none or not yet. The request came in at `at_ms`."""
        self._heard_ms = now_ms
        service = request[0]
        if self._job is not None:
            idle = broadcast or service == PRESENT
            return b"" if idle else negative(service, answers.BUSY)
        self._service = service
        self._quiet = False
        self._tell_ms = at_ms + _TELL_MS
        try:
            need(service in self._services, answers.NO_SERVICE)
            if broadcast and service not in _BROADCAST:
                return b""
            if service in _SUBFUNCTIONS:
                need(len(request) >= 2, answers.LENGTH)
                self._quiet = bool(request[1] & _SUPPRESS)
            answer = self._services[service](request, now_ms)
        except answers.NegativeError as error:
            if broadcast and error.code in answers.QUIET:
                return b""
            return negative(service, error.code)
        if isinstance(answer, bytes):
            return b"" if self._quiet else answer
        self._job = answer
        return b""

    def poll(self, now_ms: int) -> bytes:
        """The answer to what took long, or that it still does; empty for neither."""
        if self._job is None:
            return b""
        self._heard_ms = now_ms  # S3 begins with the answer
        try:
            answer = self._job(now_ms)
        except answers.NegativeError as error:
            self._job = None
            return negative(self._service, error.code)
        if answer is None:
            if now_ms < self._tell_ms:
                return b""
            self._tell_ms = now_ms + _TELL_AGAIN_MS
            self._quiet = False  # whoever was told to wait gets the answer
            return negative(self._service, answers.PENDING)
        self._job = None
        return b"" if self._quiet else bytes(answer)

    def tick(self, now_ms: int) -> bytes:
        """Ends a session that nobody keeps (S3), and programming as soon as somebody may drive;
        the negative answer, if one is due."""
        session = self._desk.session
        if session == PROGRAMMING and not self._desk.is_parked():
            self._enter(DEFAULT)
            if self._job is not None:
                self._job = None
                return negative(self._service, answers.CONDITIONS)
        elif session != DEFAULT and now_ms - self._heard_ms >= S3_MS:
            self._enter(DEFAULT)
        return b""

    def _enter(self, session: int) -> None:
        # Also into the same one: a session begins anew.
        self._desk.session = session
        self._download.drop()
        self._routines.drop()

    # --- services: the answer, or what says it later ---

    def _session(self, request: bytes, now_ms: int) -> bytes:
        wanted = request[1] & 0x7F
        need(wanted in (DEFAULT, PROGRAMMING, EXTENDED), answers.NO_SUBFUNCTION)
        need(len(request) == 2, answers.LENGTH)
        need(wanted != PROGRAMMING or self._desk.is_parked(), answers.CONDITIONS)
        self._enter(wanted)
        return bytes((SESSION + 0x40, wanted)) + _TIMING

    def _reset(self, request: bytes, now_ms: int) -> bytes:
        kind = request[1] & 0x7F
        need(kind in (_HARD, _SOFT), answers.NO_SUBFUNCTION)
        need(len(request) == 2, answers.LENGTH)
        need(self._desk.session != DEFAULT, answers.SERVICE_SESSION)
        need(self._desk.is_open(now_ms), answers.DENIED)
        need(self._desk.is_parked(), answers.CONDITIONS)
        self._desk.ask_for_reset(now_ms)
        return bytes((RESET + 0x40, kind))

    def _read(self, request: bytes, now_ms: int) -> bytes:
        count = (len(request) - 1) // 2
        need(len(request) % 2 == 1 and 0 < count <= _MOST_IDENTIFIERS, answers.LENGTH)
        out = b""
        for at in range(1, len(request), 2):
            value = values.read(self._vehicle, request[at] << 8 | request[at + 1], now_ms)
            if value is not None:  # unknown ones among known ones are left out
                out += request[at : at + 2] + value
        need(bool(out), answers.RANGE)
        return bytes((READ + 0x40,)) + out

    def _report(self, request: bytes, now_ms: int) -> bytes:
        return reports.read(self._desk, request)

    def _clear(self, request: bytes, now_ms: int) -> bytes:
        return reports.clear(self._desk, request, now_ms)

    def _secure(self, request: bytes, now_ms: int) -> "Any":
        kind = request[1] & 0x7F
        need(self._desk.session != DEFAULT, answers.SERVICE_SESSION)
        need(kind in (SEED, KEY), answers.NO_SUBFUNCTION)
        if kind == KEY:
            need(len(request) > 2, answers.LENGTH)
            return self.security.key(request[2:], now_ms)
        need(len(request) == 2, answers.LENGTH)
        return self.security.seed(now_ms)

    def _routine(self, request: bytes, now_ms: int) -> "Any":
        session = self._desk.session
        need(session != DEFAULT, answers.SERVICE_SESSION)
        return self._routines.control(request, session == PROGRAMMING, now_ms)

    def _ask_download(self, request: bytes, now_ms: int) -> bytes:
        self._need_programming()
        return self._download.request(request, now_ms)

    def _transfer(self, request: bytes, now_ms: int) -> "Any":
        self._need_programming()
        return self._download.transfer(request, now_ms)

    def _exit(self, request: bytes, now_ms: int) -> bytes:
        self._need_programming()
        return self._download.exit(request, now_ms)

    def _need_programming(self) -> None:
        need(self._desk.session == PROGRAMMING, answers.SERVICE_SESSION)

    def _present(self, request: bytes, now_ms: int) -> bytes:
        need(not request[1] & 0x7F, answers.NO_SUBFUNCTION)
        need(len(request) == 2, answers.LENGTH)
        return bytes((PRESENT + 0x40, 0))
