"""OpenTimestamps with calendars of our own: pending, in a block, verified; and refusals."""

import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from anchor_tools import calendars_of
from calendar_stand_in import EASY_BITS, Bitcoin, Calendar, encode, mine_header
from hypothesis import given, settings
from hypothesis import strategies as st
from opentimestamps.core.notary import (
    BitcoinBlockHeaderAttestation,
    LitecoinBlockHeaderAttestation,
    PendingAttestation,
)
from opentimestamps.core.op import OpAppend, OpPrepend, OpSHA256
from opentimestamps.core.serialize import BytesDeserializationContext
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp
from web_stand_in import StandIn

from fleet_backend.anchors.bitcoin import (
    HeaderFile,
    HeaderServer,
    bitcoin_rest,
    esplora,
    first_verified,
    parse_header,
    verify_attested,
)
from fleet_backend.anchors.calendars import Calendars
from fleet_backend.anchors.errors import (
    HeaderError,
    OperationError,
    StampError,
    UnreachableError,
    UntrustedAnswerError,
)
from fleet_backend.anchors.otsfile import Attested, OtsFile, decode_answer

NOTE = b"log.example/fleet\n3\nroot\n\n\xe2\x80\x94 log.example/fleet signature\n"


@pytest.fixture
def bitcoin() -> Bitcoin:
    return Bitcoin()


@pytest.fixture
def calendars(bitcoin: Bitcoin) -> Iterator[list[Calendar]]:
    with Calendar(bitcoin) as one, Calendar(bitcoin) as two, Calendar(bitcoin) as three:
        yield [one, two, three]


def of(calendars: list[Calendar], needed: int = 1) -> Calendars:
    return calendars_of(*(calendar.url for calendar in calendars), needed=needed)


def header_file(bitcoin: Bitcoin, tmp_path: Path) -> HeaderFile:
    path = tmp_path / "headers.txt"
    path.write_text(bitcoin.lines())
    return HeaderFile(path)


def test_a_stamp_goes_from_pending_to_a_verified_block(
    calendars: list[Calendar], bitcoin: Bitcoin, tmp_path: Path
) -> None:
    mine = of(calendars[:1])
    file = OtsFile.decode(mine.stamp(NOTE).encode())
    assert file.digest == sha256(NOTE).digest()
    assert [item.uri for item in file.promised()] == [calendars[0].url]
    assert not file.attested()
    same, said = mine.upgrade(file)
    assert same.encode() == file.encode() and not said
    calendars[0].mine(850_000, time_s=1_720_000_000)
    grown, said = mine.upgrade(file)
    grown = OtsFile.decode(grown.encode())
    assert not said and not grown.promised()
    attested, header = first_verified(grown.attested(), header_file(bitcoin, tmp_path), 0)
    assert (attested.height, header.time_s) == (850_000, 1_720_000_000)


def test_calendars_never_see_the_digest_itself(calendars: list[Calendar]) -> None:
    seen: list[bytes] = []
    one = calendars[0]

    def listen(method: str, path: str, body: bytes) -> tuple[int, bytes]:
        seen.append(body)
        return 200, encode(one.promise(body))

    one.trouble = listen
    of([one]).stamp(NOTE)
    of([one]).stamp(NOTE)
    assert len(set(seen)) == 2 and all(len(body) == 32 for body in seen)
    assert sha256(NOTE).digest() not in seen


def test_as_many_calendars_as_needed_do(calendars: list[Calendar]) -> None:
    calendars[1].trouble = lambda *_: None
    file = of(calendars, needed=2).stamp(NOTE)
    due = sorted([calendars[0].url, calendars[2].url])
    assert [item.uri for item in file.promised()] == due
    calendars[2].trouble = lambda *_: (500, b"")
    with pytest.raises(UnreachableError, match="1 of 3 calendars answered, 2 are needed"):
        of(calendars, needed=2).stamp(NOTE)


def endless() -> bytes:
    """A timestamp with more steps than any reader follows."""
    timestamp = Timestamp(bytes(32))
    tip = timestamp
    for _ in range(300):
        tip = tip.ops.add(OpSHA256())
    tip.attestations.add(PendingAttestation("http://127.0.0.1"))
    return encode(timestamp)


def with_attestation(attestation: Any) -> bytes:
    timestamp = Timestamp(bytes(32))
    timestamp.attestations.add(attestation)
    return encode(timestamp)


BAD_ANSWERS: dict[str, Callable[[], tuple[int, bytes] | None]] = {
    "hangs up": lambda: None,
    "error": lambda: (503, b"later"),
    "redirect": lambda: (302, b""),
    "empty": lambda: (200, b""),
    "html": lambda: (200, b"<html>"),
    "oversized": lambda: (200, bytes(10_001)),
    "huge": lambda: (200, bytes(1_000_000)),
    "trailing byte": lambda: (200, with_attestation(PendingAttestation("http://h")) + b"\0"),
    "cut off": lambda: (200, with_attestation(PendingAttestation("http://h"))[:-1]),
    "too deep": lambda: (200, endless()),
    "only litecoin": lambda: (200, with_attestation(LitecoinBlockHeaderAttestation(5))),
    "unknown operation": lambda: (200, b"\x77\x00"),
    "impossible block": lambda: (200, with_attestation(BitcoinBlockHeaderAttestation(10**9))),
}


@pytest.mark.parametrize("name", sorted(BAD_ANSWERS))
def test_bad_answers_are_refused_at_both_ends(calendars: list[Calendar], name: str) -> None:
    one = calendars[0]
    file = of([one]).stamp(NOTE)
    one.trouble = lambda *_: BAD_ANSWERS[name]()
    with pytest.raises(UnreachableError, match="0 of 1 calendars answered"):
        of([one]).stamp(NOTE)
    same, said = of([one]).upgrade(file)
    assert same.encode() == file.encode() and len(said) == 1


def test_an_answer_about_another_digest_proves_nothing(
    calendars: list[Calendar], bitcoin: Bitcoin, tmp_path: Path
) -> None:
    """Steps that lead somebody else's digest into a block lead ours to another root."""
    one = calendars[0]
    file = of([one]).stamp(NOTE)
    other = OtsFile.decode(of([one]).stamp(b"another note\n").encode())
    one.mine(850_000)
    commitment = other.promised()[0].commitment
    path = f"/timestamp/{commitment.hex()}"
    foreign = one._answer("GET", path, b"")
    one.trouble = lambda *_: foreign
    source = header_file(bitcoin, tmp_path)
    same, said = of([one]).upgrade(file, lambda item: verify_attested(item, source, 0))
    assert same.encode() == file.encode()
    assert said == ["block 850000 has another Merkle root: not proved by it"]
    # Without headers it is taken for what it is, unverified, and does not verify later.
    grown, _ = of([one]).upgrade(file)
    with pytest.raises(HeaderError, match="another Merkle root"):
        first_verified(grown.attested(), source, 0)
    with pytest.raises(StampError, match="another commitment"):
        assert foreign is not None
        file.grown(decode_answer(bytes(32), foreign[1]))


def test_a_liar_beside_honest_calendars_does_no_harm(
    calendars: list[Calendar], bitcoin: Bitcoin, tmp_path: Path
) -> None:
    mine = of(calendars[:2], needed=2)
    file = mine.stamp(NOTE)
    liar, honest = calendars[:2]
    honest.mine(850_001)
    liar.trouble = lambda *_: (200, with_attestation(BitcoinBlockHeaderAttestation(850_001)))
    grown, said = mine.upgrade(file)
    assert not said and len(grown.attested()) == 2
    attested, _ = first_verified(grown.attested(), header_file(bitcoin, tmp_path), 0)
    assert attested.height == 850_001


def test_a_calendar_cannot_grow_a_file_beyond_reading(calendars: list[Calendar]) -> None:
    """Each answer is short enough by itself, and promises the next one."""
    one = calendars[0]
    file = of([one]).stamp(NOTE)

    def longer(_method: str, path: str, _body: bytes) -> tuple[int, bytes]:
        timestamp = Timestamp(bytes.fromhex(path.removeprefix("/timestamp/")))
        tip = timestamp
        for _ in range(100):
            tip = tip.ops.add(OpSHA256())
        tip.attestations.add(PendingAttestation(one.url))
        return 200, encode(timestamp)

    one.trouble = longer
    said: list[str] = []
    for _ in range(5):
        file, said = of([one]).upgrade(file)
        assert OtsFile.decode(file.encode()).encode() == file.encode()
    assert said and "not a timestamp" in said[-1]


def test_only_calendars_of_the_settings_are_asked(calendars: list[Calendar]) -> None:
    one, two = calendars[:2]
    one.trouble = lambda _method, _path, body: (200, encode(two.promise(body)))
    file = of([one]).stamp(NOTE)
    one.trouble = None
    _, said = of([one]).upgrade(file)
    assert said == [f"calendar {two.url} is not in the settings: not asked"]
    assert not two.asked
    wider = Calendars((one.url,), 1, (two.url,))
    assert wider.upgrade(file)[1] == [] and two.asked


def test_a_calendar_that_dribbles_is_cut_off() -> None:
    """No socket time-out sees a byte now and then; the limit on the whole does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stop = threading.Event()

        def dribble() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")
                try:
                    while not stop.wait(0.02):
                        connection.sendall(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=dribble)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(UnreachableError, match="0 of 1"):
            calendars_of(url, total_s=0.5).stamp(NOTE)
        stop.set()
        thread.join()


def test_the_independent_client_reads_our_file(
    calendars: list[Calendar], bitcoin: Bitcoin, tmp_path: Path
) -> None:
    """`ots` of opentimestamps-client: it takes the file name of ours and says what is to check."""
    ots = Path(sys.executable).with_name("ots")
    assert ots.exists() or shutil.which("ots"), "opentimestamps-client is not installed"
    command = [str(ots) if ots.exists() else "ots", "--no-cache", "--no-bitcoin"]
    mine = of(calendars[:1])
    note = tmp_path / "3.checkpoint"
    note.write_bytes(NOTE)
    stamp = tmp_path / "3.checkpoint.ots"
    file = mine.stamp(NOTE)
    stamp.write_bytes(file.encode())
    shown = subprocess.run([*command, "info", stamp], capture_output=True, text=True, check=True)
    assert f"File sha256 hash: {sha256(NOTE).hexdigest()}" in shown.stdout
    assert f"PendingAttestation('{calendars[0].url}')" in shown.stdout
    calendars[0].mine(850_002)
    grown, _ = mine.upgrade(file)
    stamp.write_bytes(grown.encode())
    shown = subprocess.run([*command, "verify", stamp], capture_output=True, text=True)
    root = bitcoin.headers[850_002][36:68][::-1].hex()
    assert f"check that Bitcoin block 850002 has merkleroot {root}" in shown.stderr
    note.write_bytes(NOTE + b"x")
    shown = subprocess.run([*command, "verify", stamp], capture_output=True, text=True)
    assert "File does not match original" in shown.stderr and shown.returncode == 1


def test_our_file_upgrades_with_the_independent_client(
    calendars: list[Calendar], tmp_path: Path
) -> None:
    stamp = tmp_path / "3.checkpoint.ots"
    stamp.write_bytes(of(calendars[:1]).stamp(NOTE).encode())
    calendars[0].mine(850_003)
    ots = Path(sys.executable).with_name("ots")
    command = [str(ots), "--no-cache", "-l", calendars[0].url, "upgrade", str(stamp)]
    subprocess.run(command, capture_output=True, check=True)
    assert [item.height for item in OtsFile.decode(stamp.read_bytes()).attested()] == [850_003]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_nonsense_is_no_timestamp(data: bytes) -> None:
    for start in (b"", DetachedTimestampFile.HEADER_MAGIC + b"\x01\x08" + bytes(32)):
        try:
            file = OtsFile.decode(start + data)
        except StampError:
            continue
        assert OtsFile.decode(file.encode()).encode() == file.encode()
    try:
        decode_answer(bytes(32), data)
    except StampError:
        return


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.integers(0, 255))
def test_no_byte_of_a_file_can_be_changed_into_a_crash(place: int, value: int) -> None:
    timestamp = Timestamp(sha256(NOTE).digest())
    tip = timestamp.ops.add(OpAppend(b"salt")).ops.add(OpPrepend(b"x")).ops.add(OpSHA256())
    tip.attestations.add(PendingAttestation("http://calendar.example"))
    tip.attestations.add(BitcoinBlockHeaderAttestation(700_000))
    good = OtsFile(sha256(NOTE).digest(), timestamp).encode()
    bad = bytearray(good)
    bad[place % len(good)] = value
    try:
        OtsFile.decode(bytes(bad))
    except StampError:
        return


def test_files_of_other_kinds_are_refused() -> None:
    timestamp = Timestamp(bytes(32))
    with pytest.raises(StampError, match="no attestation"):
        OtsFile(bytes(32), timestamp).encode()
    with pytest.raises(StampError, match="at most"):
        OtsFile.decode(bytes(100_001))
    sha1 = DetachedTimestampFile.HEADER_MAGIC + b"\x01\x02" + bytes(20)
    sha1 += with_attestation(PendingAttestation("http://h"))
    with pytest.raises(StampError, match="another hash"):
        OtsFile.decode(sha1)
    assert DetachedTimestampFile.deserialize(BytesDeserializationContext(sha1))


# Block 0 of Bitcoin, as everybody knows it.
GENESIS = bytes.fromhex(
    "01000000" + "00" * 32 + "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a"
    "29ab5f49ffff001d1dac2b7c"
)


def test_a_header_is_read_as_bitcoin_reads_it() -> None:
    header = parse_header(GENESIS, 32)
    assert header.shown_hash == "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
    assert header.time_s == 1_231_006_505
    assert header.target == 0xFFFF << 208


def test_headers_without_their_work_are_refused() -> None:
    with pytest.raises(HeaderError, match="less work than 2\\^68"):
        parse_header(GENESIS)
    with pytest.raises(HeaderError, match="without the work"):
        parse_header(GENESIS[:-1] + b"\0", 32)
    easy = mine_header(bytes(32))
    assert parse_header(easy, 0).raw == easy
    with pytest.raises(HeaderError, match="less work"):
        parse_header(easy, 2)
    for wrong in (b"", GENESIS[:-1], GENESIS + b"\0"):
        with pytest.raises(HeaderError, match="80 are due"):
            parse_header(wrong, 0)


@pytest.mark.parametrize("bits", [0, 0x01003456, 0x04800001, 0xFF123456, 0x2100FFFF])
def test_targets_that_cannot_be_are_refused(bits: int) -> None:
    raw = GENESIS[:72] + bits.to_bytes(4, "little") + GENESIS[76:]
    with pytest.raises(HeaderError):
        parse_header(raw, 0)


@settings(deadline=None)
@given(st.binary(min_size=80, max_size=80))
def test_nonsense_is_no_header(raw: bytes) -> None:
    with pytest.raises(HeaderError):
        parse_header(raw)


BAD_FILES = {
    "not hexadecimal": b"5 " + b"zz" * 80,
    "short": b"5 " + b"00" * 79,
    "no height": b"00" * 80,
    "leading zero": b"05 " + b"00" * 80,
    "two headers": b"5 " + b"00" * 80 + b"\n5 " + b"01" * 80,
    "two spaces": b"5  " + b"00" * 80,
    "empty line": b"\n",
    "not text": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("name", sorted(BAD_FILES))
def test_malformed_header_files_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "headers"
    path.write_bytes(BAD_FILES[name])
    with pytest.raises(HeaderError, match="line"):
        HeaderFile(path)


def test_missing_headers_and_files_are_said(tmp_path: Path) -> None:
    with pytest.raises(OperationError, match="cannot read"):
        HeaderFile(tmp_path / "absent")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(HeaderError, match="does not hold block 5"):
        HeaderFile(tmp_path / "empty").raw(5)
    with pytest.raises(HeaderError, match="names no Bitcoin block"):
        first_verified([], HeaderFile(tmp_path / "empty"), 0)


@pytest.mark.parametrize("kind", ["esplora", "rest"])
def test_headers_come_from_a_server_that_the_user_names(kind: str) -> None:
    raw = mine_header(b"\x07" * 32)
    shown = parse_header(raw, 0).shown_hash
    paths = {
        "esplora": {"/block-height/7": shown, f"/block/{shown}/header": raw.hex()},
        "rest": {
            "/rest/blockhashbyheight/7.hex": shown + "\n",
            f"/rest/headers/1/{shown}.hex": raw.hex() + "\n",
        },
    }[kind]

    def answer(_method: str, path: str, _body: bytes) -> tuple[int, bytes]:
        return (200, paths[path].encode()) if path in paths else (404, b"")

    make: Callable[[str], HeaderServer] = esplora if kind == "esplora" else bitcoin_rest
    with StandIn(answer) as server:
        attested = Attested(7, b"\x07" * 32)
        assert verify_attested(attested, make(server.url), 0).raw == raw
        with pytest.raises(HeaderError, match="does not have"):
            make(server.url).raw(8)


BAD_SERVERS: dict[str, tuple[bytes, bytes, type[Exception]]] = {
    "no hash": (b"hello", b"", HeaderError),
    "no header": (b"00" * 32, b"hello", HeaderError),
    "another block": (
        b"00" * 32,
        mine_header(bytes(32), bits=EASY_BITS).hex().encode(),
        HeaderError,
    ),
    "endless": (b"0" * 5_000, b"", UntrustedAnswerError),
}


@pytest.mark.parametrize("name", sorted(BAD_SERVERS))
def test_malformed_answers_of_a_header_server_are_refused(name: str) -> None:
    first, second, error = BAD_SERVERS[name]

    def answer(_method: str, path: str, _body: bytes) -> tuple[int, bytes]:
        return 200, first if "height" in path else second

    with StandIn(answer) as server, pytest.raises(error):
        esplora(server.url).raw(7)
