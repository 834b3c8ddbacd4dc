"""Work orders: what a mechanic did to one vehicle, and what the self-test said of it afterwards.

docs/protocol.md section 17. The body of a statement of kind WORK_ORDER; the statement itself names
the notary and commits to the body, so the mechanic's name is in no log and can be erased.
"""

from protocol import cbor, fields
from protocol.errors import DecodeError

MAX_NAME = 80
MAX_VERSION = 64
MAX_FILES = 256
MAX_PATH = 128
MAX_TESTS = 64
MAX_WORD = 40
DIGEST_BYTES = 32

# What a step of the self-test said.
PASS = 0
FAIL = 1
NOT_HERE = 2
RESULTS = {PASS: "PASS", FAIL: "FAIL", NOT_HERE: "NOT_HERE"}
DONE = 0


class Step:
    """One step of the self-test. `value` is an integer in `unit`, or None where there is none."""

    def __init__(self, number: int, name: str, result: int, value: int | None, unit: str) -> None:
        self.number = number
        self.name = name
        self.result = result
        self.value = value
        self.unit = unit


class WorkOrder:
    """Digests are SHA-256, or empty where that step was not done.

    `began` and `ended` are times, 0 where the workshop's clock was not set. `files` holds (path,
    SHA-256) of everything that was written; `identity` is the fingerprint of the vehicle's key,
    never the key. `outcome` is the exit code of the tool, 0 for done.
    """

    def __init__(
        self,
        mechanic: str,
        vehicle: str,
        board: str,
        unique_id: bytes,
        began: int,
        ended: int,
        interpreter: str = "",
        release: bytes = b"",
        files: list[tuple[str, bytes]] | tuple[tuple[str, bytes], ...] = (),
        configuration: bytes = b"",
        identity: bytes = b"",
        tests: list[Step] | tuple[Step, ...] = (),
        outcome: int = DONE,
    ) -> None:
        self.mechanic = mechanic
        self.vehicle = vehicle
        self.board = board
        self.unique_id = unique_id
        self.began = began
        self.ended = ended
        self.interpreter = interpreter
        self.release = release
        self.files = files
        self.configuration = configuration
        self.identity = identity
        self.tests = tests
        self.outcome = outcome


def encode(order: WorkOrder) -> bytes:
    """The body. What `decode` refuses is not caught here."""
    return cbor.encode(
        {
            0: fields.VERSION,
            1: order.mechanic,
            2: order.vehicle,
            3: order.board,
            4: order.unique_id,
            5: order.began,
            6: order.ended,
            7: order.interpreter,
            8: order.release,
            9: [[path, digest] for path, digest in order.files],
            10: order.configuration,
            11: order.identity,
            12: [[one.number, one.name, one.result, one.value, one.unit] for one in order.tests],
            13: order.outcome,
        }
    )


def decode(body: bytes) -> WorkOrder:
    """Read a body, strictly. Raises DecodeError."""
    value = fields.map_of(cbor.decode(body), "work-order", range(14))
    fields.version(value[0], "work-order.version")
    began = fields.uint(value[5], "work-order.began", fields.MAX_TIME)
    ended = fields.uint(value[6], "work-order.ended", fields.MAX_TIME)
    if began and ended and ended < began:
        raise DecodeError("field", "work-order.ended")
    return WorkOrder(
        line(value[1], "work-order.mechanic", MAX_NAME),
        fields.identifier(value[2], "work-order.vehicle"),
        fields.identifier(value[3], "work-order.board"),
        _unique_id(value[4]),
        began,
        ended,
        line(value[7], "work-order.interpreter", MAX_VERSION, True),
        _digest(value[8], "work-order.release"),
        _files(value[9]),
        _digest(value[10], "work-order.configuration"),
        _digest(value[11], "work-order.identity"),
        _tests(value[12]),
        fields.uint(value[13], "work-order.outcome", 255),
    )


def named(order: WorkOrder) -> dict[str, object]:
    """The same by names, digests in hexadecimal: for JSON and for people."""
    out: dict[str, object] = {}
    for name in ("mechanic", "vehicle", "board", "began", "ended", "interpreter", "outcome"):
        out[name] = getattr(order, name)
    for name in ("unique_id", "release", "configuration", "identity"):
        out[name] = getattr(order, name).hex()
    out["files"] = [{"path": path, "sha256": digest.hex()} for path, digest in order.files]
    out["tests"] = [
        {
            "number": one.number,
            "name": one.name,
            "result": RESULTS[one.result],
            "value": one.value,
            "unit": one.unit,
        }
        for one in order.tests
    ]
    return out


def line(value: object, where: str, maximum: int, may_be_empty: bool = False) -> str:
    """One line of text without control characters, not of spaces alone: it is shown to people."""
    text = fields.text(value, where, maximum)
    for letter in text:
        # C0, DEL, C1, line and paragraph separators, and what turns the direction of writing.
        code = ord(letter)
        if code < 32 or 0x7F <= code < 0xA0 or 0x2028 <= code <= 0x202E or 0x2066 <= code <= 0x2069:
            raise DecodeError("field", where)
    if not may_be_empty and not text.strip():
        raise DecodeError("field", where)
    return text


def _unique_id(value: object) -> bytes:
    """The chip's own number; empty where it has none."""
    found = fields.octets(value, "work-order.unique_id")
    if len(found) > 32:
        raise DecodeError("field", "work-order.unique_id")
    return found


def _digest(value: object, where: str) -> bytes:
    found = fields.octets(value, where)
    if len(found) not in (0, DIGEST_BYTES):
        raise DecodeError("field", where)
    return found


def _files(value: object) -> list[tuple[str, bytes]]:
    """Ascending by path, each once: one set of files has one encoding."""
    items = fields.array(value, "work-order.files")
    if len(items) > MAX_FILES:
        raise DecodeError("field", "work-order.files")
    found: list[tuple[str, bytes]] = []
    for item in items:
        path, digest = fields.array(item, "work-order.files", 2)
        path = line(path, "work-order.files", MAX_PATH)
        if found and path <= found[-1][0]:
            raise DecodeError("field", "work-order.files")
        found.append((path, fields.octets(digest, "work-order.files", DIGEST_BYTES)))
    return found


def _tests(value: object) -> list[Step]:
    items = fields.array(value, "work-order.tests")
    if len(items) > MAX_TESTS:
        raise DecodeError("field", "work-order.tests")
    return [_step(item) for item in items]


def _step(value: object) -> Step:
    where = "work-order.tests"
    number, name, result, measured, unit = fields.array(value, where, 5)
    return Step(
        fields.uint(number, where, 0xFFFF),
        line(name, where, MAX_WORD),
        fields.uint(result, where, NOT_HERE),
        None if measured is None else fields.sint(measured, where),
        line(unit, where, MAX_WORD, True),
    )
