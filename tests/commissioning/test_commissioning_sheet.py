"""Jobs, keys and records as a mechanic brings them: what is wrong is named, and nothing leaks."""

import binascii
import struct
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from fleet_backend.fleet import keys
from protocol import record
from trifleet.commissioning.errors import SheetError
from trifleet.commissioning.public_keys import owner_thumbprint, release_thumbprint
from trifleet.commissioning.sheet import Sheet, make_sheet, read_batch
from trifleet.commissioning.vehicle_key import draw_key, read_key
from workbench.journal import decode_segment

OWNER = "5a" * 32
GOOD = f'owner = "{OWNER}"\nconfiguration = "delta-cargo"\n[[vehicle]]\nname = "veh-1"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "day.toml"
    path.write_text(text)
    return path


def test_what_counts_for_all_and_what_one_has_anew(tmp_path: Path) -> None:
    more = '[[vehicle]]\nname = "veh-2"\nconfiguration = "tadpole-cargo"\nport = "/dev/ttyACM1"\n'
    one, two = read_batch(written(tmp_path, 'mechanic = "A. B."\n' + GOOD + more))
    assert (one.vehicle, one.configuration, one.port) == ("veh-1", "delta-cargo", None)
    assert (two.vehicle, two.configuration, two.port) == ("veh-2", "tadpole-cargo", "/dev/ttyACM1")
    assert one.owner == two.owner == bytes.fromhex(OWNER)
    assert two.mechanic == "A. B."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "1 to 200 tables"),
        ("vehicle = 3", "1 to 200 tables"),
        ("vehicle = [3]", "vehicle 1 is no table"),
        ("= 1", "Invalid"),
        ("colour = 1\n" + GOOD, "at the top: unknown: colour"),
        (GOOD + "colour = 1\n", "vehicle 1: unknown: colour"),
        (GOOD + '[[vehicle]]\nname = "veh-1"\n', "listed twice"),
        (GOOD.replace("veh-1", "Veh 1"), "no hyphen at either end"),
        (GOOD.replace(OWNER, "5a"), "neither a thumbprint"),
        (GOOD.replace(f'"{OWNER}"', "7"), "wrong kind"),
        (GOOD + "release_threshold = true\n", "wrong kind"),
        (GOOD + f'release_keys = ["{OWNER}"]\n', "release_threshold 2: of 1 keys"),
        (GOOD + f'release_keys = ["{OWNER}", "{OWNER}"]\n', "of 1 keys"),
        (GOOD.replace('configuration = "delta-cargo"\n', ""), "no configuration"),
    ],
)
def test_a_day_that_is_wrong_says_where(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SheetError, match=words):
        read_batch(written(tmp_path, text))


@given(st.text(max_size=200))
def test_nonsense_is_a_sheet_error(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "day.toml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        with pytest.raises(SheetError):
            read_batch(path)


def pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def test_a_public_key_is_named_as_its_private_one_and_a_private_one_is_refused(
    tmp_path: Path,
) -> None:
    private = keys.generate_rsa(tmp_path / "owner.key")
    public = tmp_path / "owner.pem"
    public.write_bytes(pem(private))
    assert owner_thumbprint(str(public)) == keys.thumbprint(private)
    assert owner_thumbprint(keys.thumbprint(private).hex()) == keys.thumbprint(private)
    with pytest.raises(SheetError, match="is a private key"):
        owner_thumbprint(str(tmp_path / "owner.key"))
    with pytest.raises(SheetError, match="3072 bits"):
        release_thumbprint(str(public))
    public.write_bytes(pem(ed25519.Ed25519PrivateKey.generate()))
    with pytest.raises(SheetError, match="not an RSA key"):
        owner_thumbprint(str(public))
    for text in ("", "nowhere", "zz" * 32, str(tmp_path)):
        with pytest.raises(SheetError):
            owner_thumbprint(text)


def test_a_vehicle_key_comes_from_a_private_file_and_shows_itself_nowhere(tmp_path: Path) -> None:
    key, path = draw_key(), tmp_path / "key"
    assert len({draw_key() for _ in range(8)}) == 8
    for content in (key, key.hex().encode() + b"\n"):
        path.write_bytes(content)
        path.chmod(0o600)
        assert read_key(path) == key
    path.chmod(0o640)
    with pytest.raises(SheetError, match="chmod 600"):
        read_key(path)
    path.chmod(0o600)
    for content in (b"", key[:31], key + b"\x00", key.hex()[:-1].encode(), b"\xff" * 64):
        path.write_bytes(content)
        with pytest.raises(SheetError) as caught:
            read_key(path)
        assert key.hex()[:16] not in str(caught.value)
    sheet = make_sheet("veh-1", OWNER, "delta-cargo", release_keys=[], key_file=path)
    assert isinstance(sheet, Sheet)


def frame(boot: int, seq: int) -> bytes:
    """As the vehicle writes it: docs/flash.md."""
    one = record.Record("veh-1", boot, seq, 5, 0, record.LOST, {0: seq})
    named = struct.pack(">II", boot, seq) + record.encode(one, lambda _: bytes(32))
    return struct.pack(">HI", len(named) - 8, binascii.crc32(named)) + named


def test_records_are_read_from_a_damaged_segment_as_far_as_they_hold() -> None:
    whole = [frame(2, seq) for seq in range(3)]
    found = decode_segment(b"".join(whole))
    assert ([one.seq for one in found.records], found.damaged) == ([0, 1, 2], 0)
    flipped = bytearray(b"".join(whole))
    flipped[len(whole[0]) + 20] ^= 1
    found = decode_segment(bytes(flipped))
    assert ([one.seq for one in found.records], found.damaged) == ([0, 2], 1)
    found = decode_segment(b"".join(whole)[:-1])
    assert ([one.seq for one in found.records], found.damaged) == ([0, 1], 1)


@given(st.binary(max_size=300))
def test_a_segment_of_nonsense_has_no_records(data: bytes) -> None:
    assert decode_segment(data).records == ()
