"""How release files travel to a gateway, piece by piece, and what it says of them.

docs/protocol.md section 10. Nothing here is trusted: the repository's metadata is signed, the
bundle is signed, and the vehicle takes only what a signed command allowed.
"""

from protocol import cbor, fields
from protocol.errors import DecodeError

# What a message on up/release or down/release is.
FILE = 1
WANTED = 2
STATE = 3

PIECE = 8192
MAX_FILE = 16 * 1024 * 1024
MAX_WANTED = 16
MAX_NAME = 200
DIGEST_BYTES = 32

# What the gateway says of one vehicle's update. It is the gateway's word and ends nothing: how an
# installation ended, the vehicle's own record says.
FETCHING = 1
FETCHED = 2
WAITING = 3
INSTALLING = 4
HANDED_OVER = 5
FAILED = 6
STATES = {
    FETCHING: "FETCHING",
    FETCHED: "FETCHED",
    WAITING: "WAITING",
    INSTALLING: "INSTALLING",
    HANDED_OVER: "HANDED_OVER",
    FAILED: "FAILED",
}
# Reasons of the gateway, above the vehicle's codes of protocol/update.py.
NO_LINK = 100  # the vehicle does not answer
NOT_LOGGED = 101  # no receipt of the ledger that holds
NOT_TRUSTED = 102  # the repository's signatures, numbers or hashes do not hold
NO_CLOCK = 103  # without the time nobody knows what has expired
NO_ROOM = 104  # on the gateway's disk
UNKNOWN = 105  # the vehicle has not said lately how it is
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"


class Piece:
    """Part of a file. `size` is of the whole file; 0: there is none of that name."""

    def __init__(self, name: str, size: int, offset: int, data: bytes) -> None:
        self.name = name
        self.size = size
        self.offset = offset
        self.data = data


class Want:
    """A vehicle of the gateway, the release that it shall have, and the name of its bundle."""

    def __init__(self, vehicle: str, digest: bytes, target: str) -> None:
        self.vehicle = vehicle
        self.digest = digest
        self.target = target


class State:
    """Where one vehicle's update stands by the gateway; `code` says why, 0 where nothing is wrong.

    `permille`: of the bytes that are fetched, or handed to the vehicle.
    """

    def __init__(self, vehicle: str, digest: bytes, state: int, code: int, permille: int) -> None:
        self.vehicle = vehicle
        self.digest = digest
        self.state = state
        self.code = code
        self.permille = permille


def file_name(value: object, where: str) -> str:
    """metadata/NAME or targets/NAME: no other folder, nothing hidden. Raises DecodeError."""
    name = fields.text(value, where, MAX_NAME)
    folder, _, rest = name.partition("/")
    if folder not in ("metadata", "targets"):
        raise DecodeError("field", where)
    base_name(rest, where)
    return name


def base_name(value: object, where: str) -> str:
    """The name of a file without a folder. Raises DecodeError."""
    name = fields.text(value, where, MAX_NAME)
    for letter in name:
        if letter not in _LETTERS:
            raise DecodeError("field", where)
    if not name or name[0] == ".":
        raise DecodeError("field", where)
    return name


def encode_ask(name: str, offset: int) -> bytes:
    """The gateway asks for the piece of a file that begins at `offset`."""
    return cbor.encode([fields.VERSION, FILE, name, offset])


def encode_ask_wanted() -> bytes:
    """The gateway asks what its vehicles shall have."""
    return cbor.encode([fields.VERSION, WANTED])


def encode_state(state: State) -> bytes:
    """The gateway says where a vehicle's update stands."""
    return cbor.encode(
        [
            fields.VERSION,
            STATE,
            state.vehicle,
            state.digest,
            state.state,
            state.code,
            state.permille,
        ]
    )


def decode_up(data: bytes) -> tuple[str, int] | State | None:
    """A message on up/release: (name, offset), a State, or None for "what is wanted?".

    Raises DecodeError.
    """
    value = _message(data, "release-up")
    kind = value[1]
    if kind == FILE:
        fields.array(value, "release-up", 4)
        offset = fields.uint(value[3], "release-up.offset", MAX_FILE)
        return file_name(value[2], "release-up.name"), offset
    if kind == STATE:
        fields.array(value, "release-up", 7)
        state = fields.uint(value[4], "release-up.state", FAILED)
        if state not in STATES:
            raise DecodeError("field", "release-up.state")
        return State(
            fields.identifier(value[2], "release-up.vehicle"),
            fields.octets(value[3], "release-up.digest", DIGEST_BYTES),
            state,
            fields.uint(value[5], "release-up.code", 255),
            fields.uint(value[6], "release-up.permille", 1000),
        )
    if kind != WANTED:
        raise DecodeError("field", "release-up.kind")
    fields.array(value, "release-up", 2)
    return None


def encode_piece(piece: Piece) -> bytes:
    """The backend's answer to an ask."""
    return cbor.encode([fields.VERSION, FILE, piece.name, piece.size, piece.offset, piece.data])


def encode_wanted(wants: list[Want]) -> bytes:
    """What each vehicle of the gateway shall have."""
    rows = [[one.vehicle, one.digest, one.target] for one in wants]
    return cbor.encode([fields.VERSION, WANTED, rows])


def decode_down(data: bytes) -> Piece | list[Want]:
    """A message on down/release. Raises DecodeError."""
    value = _message(data, "release-down")
    if value[1] == FILE:
        return _piece(fields.array(value, "release-down", 6))
    if value[1] != WANTED:
        raise DecodeError("field", "release-down.kind")
    rows = fields.array(fields.array(value, "release-down", 3)[2], "release-down.wanted")
    if len(rows) > MAX_WANTED:
        raise DecodeError("field", "release-down.wanted")
    return [_want(fields.array(row, "release-down.wanted", 3)) for row in rows]


def _message(data: bytes, where: str) -> list:  # type: ignore[type-arg]
    value = fields.array(cbor.decode(data), where)
    if len(value) < 2:
        raise DecodeError("field", where)
    fields.version(value[0], where + ".version")
    fields.uint(value[1], where + ".kind", STATE)
    return value


def _piece(value: list) -> Piece:  # type: ignore[type-arg]
    size = fields.uint(value[3], "release-down.size", MAX_FILE)
    offset = fields.uint(value[4], "release-down.offset", MAX_FILE)
    data = fields.octets(value[5], "release-down.data")
    # A whole piece everywhere but at the end of the file.
    if offset > size or len(data) != min(PIECE, size - offset):
        raise DecodeError("field", "release-down.data")
    return Piece(file_name(value[2], "release-down.name"), size, offset, data)


def _want(row: list) -> Want:  # type: ignore[type-arg]
    return Want(
        fields.identifier(row[0], "release-down.vehicle"),
        fields.octets(row[1], "release-down.digest", DIGEST_BYTES),
        base_name(row[2], "release-down.target"),
    )
