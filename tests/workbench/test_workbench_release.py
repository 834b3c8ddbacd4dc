"""Releases: the same bytes wherever they are built, and nothing passes that enough of the right
people did not sign."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import release
from tests.command_line import trifleet
from workbench import romfs
from workbench.application import BoardFile, board_file
from workbench.errors import ReleaseError, ReleaseKeyError, UnsignedError
from workbench.release import bundle, keys, signing

# Keys of 3,072 bits: begun early, so that the check does not wait for them at its end.
pytestmark = pytest.mark.slow

FILES = (
    board_file("boot.py", b"# boots"),
    board_file("vcu/app.mpy", b"app" * 400),
    board_file("vcu/sub/more.mpy", b""),
)


def build(files: tuple[BoardFile, ...] = FILES, **changes: object) -> bundle.Bundle:
    numbers: dict[str, object] = {
        "board": "virtual", "version": "1.4.0", "number": 7, "floor": 5, "form": release.ROMFS,
    }  # fmt: skip
    return bundle.build(files, **(numbers | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def people() -> list[rsa.RSAPrivateKey]:
    return [keys.make_key() for _ in range(3)]


@pytest.fixture(scope="module")
def signed(people: list[rsa.RSAPrivateKey]) -> bundle.Bundle:
    return signing.sign(signing.sign(build(), people[0]), people[1])


def names(people: list[rsa.RSAPrivateKey]) -> list[bytes]:
    return [keys.name_of(key) for key in people]


def test_order_of_files_and_of_signatures_changes_no_byte(
    people: list[rsa.RSAPrivateKey], signed: bundle.Bundle
) -> None:
    assert build(FILES[::-1]).data == build().data
    for one, other in ((0, 1), (1, 0)):
        made = signing.sign(signing.sign(build(), people[one]), people[other])
        assert [key for key, _ in made.head.signatures] == [
            key for key, _ in signed.head.signatures
        ]
        assert made.digest == signed.digest == build().digest


def test_what_is_read_is_what_was_built(signed: bundle.Bundle) -> None:
    assert bundle.read(signed.data) == signed
    assert signed.files() == FILES
    assert signed.manifest[:6] == ("virtual", "1.4.0", 7, 5, release.ROMFS, len(signed.content))
    moved = romfs.read_seal(signed.image(41))
    assert (moved.sequence, moved.body) == (41, romfs.read_seal(signed.content).body)


def test_two_of_three_keys(people: list[rsa.RSAPrivateKey], signed: bundle.Bundle) -> None:
    everyone = names(people)
    assert sorted(signing.verify(signed, everyone, 2).trusted) == sorted(everyone[:2])
    found = signing.verify(signed, everyone[1:], 1)
    assert (found.trusted, found.others) == ((everyone[1],), (everyone[0],))
    with pytest.raises(UnsignedError, match="signed by 2 of the keys that count, not 3"):
        signing.verify(signed, everyone, 3)
    with pytest.raises(UnsignedError, match="signed by 1 "):
        signing.verify(signed, everyone[1:], 2)
    with pytest.raises(UnsignedError, match="signed by 0 "):
        signing.verify(build(), everyone, 1)


def test_the_same_key_counts_once(people: list[rsa.RSAPrivateKey]) -> None:
    again = signing.sign(signing.sign(build(), people[0]), people[0])
    assert len(again.head.signatures) == 1
    with pytest.raises(UnsignedError):
        signing.verify(again, names(people), 2)
    with pytest.raises(ReleaseError, match="can never sign"):
        signing.verify(again, names(people[:1]) * 2, 2)


@pytest.mark.parametrize("threshold", [0, -1, 4])
def test_a_threshold_that_is_none(
    people: list[rsa.RSAPrivateKey], signed: bundle.Bundle, threshold: int
) -> None:
    with pytest.raises(ReleaseError):
        signing.verify(signed, names(people), threshold)


def test_a_signature_that_is_moved_or_made_otherwise(people: list[rsa.RSAPrivateKey]) -> None:
    other = signing.sign(build(number=8), people[0])
    table = release.encode_files(build().head.files)
    message = release.signed_message(build().digest)
    wrong = (
        other.head.signatures[0][1],
        people[0].sign(message, padding.PKCS1v15(), hashes.SHA256()),
        people[0].sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), 20), hashes.SHA256()),
        people[1].sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()),
    )
    for signature in wrong:
        pair = (keys.modulus(people[0]), signature)
        head = release.encode_head(build().head.raw, [pair], table)
        with pytest.raises(UnsignedError, match="does not hold"):
            signing.verify(bundle.read(head + build().content), names(people), 1)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_every_flipped_bit_is_found(data: st.DataObject) -> None:
    good = build()
    at = data.draw(st.integers(0, 8 * len(good.data) - 1))
    changed = bytearray(good.data)
    changed[at // 8] ^= 1 << at % 8
    found = None
    with contextlib.suppress(ReleaseError):
        found = bundle.read(bytes(changed))
    # Of the head, what reads as another release has another name, which nobody signed.
    assert found is None or found.digest != good.digest


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_nonsense_is_no_release(data: bytes) -> None:
    for begin in (b"", release.MAGIC, build().head_bytes):
        with pytest.raises(ReleaseError):
            bundle.read(begin + data)


def test_files_that_are_not_the_ones_of_the_head(people: list[rsa.RSAPrivateKey]) -> None:
    """Even if the right people signed it."""
    content = build().content
    table = release.encode_files([("vcu/app.mpy", 3, bytes(32))])
    said = build().manifest._replace(files=bundle._sha256(table))
    head = release.encode_head(release.encode_manifest(said), [], table)
    with pytest.raises(ReleaseError, match="not those that the head names"):
        bundle.read(head + content)


@pytest.mark.parametrize(
    "changes",
    [
        {"board": "No"},
        {"version": ""},
        {"number": 0},
        {"floor": 8},
        {"form": 9},
        {"number": 1 << 40},
    ],
)
def test_numbers_that_make_no_release(changes: dict[str, object]) -> None:
    with pytest.raises(ReleaseError, match="make no release"):
        build(**changes)
    with pytest.raises(ReleaseError, match="no application"):
        build((FILES[0],))


def test_keys_that_may_not_sign() -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(ReleaseKeyError, match="3072"):
        signing.sign(build(), short)
    with pytest.raises(ReleaseKeyError, match="2048"):
        keys.decode_private(keys.encode_private(short, b"secret"), lambda: b"secret")
    with pytest.raises(ReleaseKeyError):
        keys.decode_public(keys.encode_public(short))


def test_a_key_comes_back_with_its_passphrase_only(people: list[rsa.RSAPrivateKey]) -> None:
    file = keys.encode_private(people[0], b"correct horse")
    assert keys.name_of(keys.decode_private(file, lambda: b"correct horse")) == names(people)[0]
    for passphrase in (b"wrong", b""):
        with pytest.raises(ReleaseKeyError) as refused:
            keys.decode_private(file, lambda passphrase=passphrase: passphrase)  # type: ignore[misc]
        assert "horse" not in str(refused.value)
    with pytest.raises(ReleaseKeyError, match="protects nothing"):
        keys.encode_private(people[0], b"")
    with pytest.raises(ReleaseKeyError):
        keys.decode_private(b"no key", lambda: b"")
    curve = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(ReleaseKeyError, match="RSA"):
        keys.decode_private(keys.encode_private(curve, b"x"), lambda: b"x")  # type: ignore[arg-type]


# --- the commands ---

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, *arguments: str, typed: str = "") -> tuple[int, str, str]:
    if not typed:
        done = trifleet("release", *arguments, cwd=folder)
        return done.returncode, done.stdout, done.stderr
    line = [sys.executable, "-m", "trifleet.cli", "release", *arguments]
    env = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        line, cwd=folder, input=typed, capture_output=True, text=True, check=False, env=env
    )
    return done.returncode, done.stdout, done.stderr


def small_checkout(folder: Path) -> Path:
    for name, text in {
        "firmware/main.py": "import vcu.app\n",
        "firmware/boot.py": "slot = 0\n",
        "firmware/vcu/__init__.py": "",
        "firmware/vcu/app.py": "from protocol import n\nprint(n.N)\n",
        "protocol/__init__.py": "",
        "protocol/n.py": "N = 5\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_from_two_keys_to_a_verified_release(tmp_path: Path) -> None:
    numbers = ("--board", "virtual", "--version", "1.0.0", "--number", "3", "--floor", "2")
    made = []
    for place in ("here", "there/deeper"):
        checkout = small_checkout(tmp_path / place)
        code, said, error = run(
            tmp_path, "build", f"{place}.tfr", *numbers, "--checkout", str(checkout)
        )
        assert code == 0, error
        made.append((tmp_path / f"{place}.tfr").read_bytes())
        os.utime(checkout / "protocol/n.py", (1, 1))
    assert made[0] == made[1], "two builds differ"
    for name in ("a", "b"):
        code, _, error = run(tmp_path, "key", name, typed="a secret\n")
        assert code == 0, error
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        public = ("--key", "a.pub", "--key", "b.pub")
        assert run(tmp_path, "verify", "here.tfr", "--key", "a.pub", "--threshold", "1")[0] == (
            1 if name == "a" else 0
        )
        assert run(tmp_path, "sign", "here.tfr", "--key", name, typed="a secret\n")[0] == 0
    code, _, error = run(tmp_path, "sign", "here.tfr", "--key", "a", typed="wrong\n")
    assert code == 1 and "secret" not in error and "wrong" not in error
    assert run(tmp_path, "key", "a")[0] == 2, "never over another one"
    code, said, _ = run(tmp_path, "verify", "here.tfr", *public)
    assert code == 0 and said.count("signed by") == 2
    assert run(tmp_path, "verify", "there/deeper.tfr", *public)[0] == 1
    code, said, _ = run(tmp_path, "inspect", "here.tfr", "--json")
    assert code == 0 and '"number": 3' in said and '"boot.py"' in said
    assert "1.0.0" in run(tmp_path, "inspect", "here.tfr")[1]
    assert run(tmp_path, "trust", "release", "--board", "virtual", *public)[0] == 0
    trust = release.decode_trust((tmp_path / "release").read_bytes())
    assert (trust.threshold, len(trust.keys), trust.board) == (2, 2, "virtual")
    assert run(tmp_path, "trust", "x", "--board", "virtual", "--key", "a.pub")[0] == 1
