"""Key files, and the signatures made with them."""

import stat
import subprocess
from pathlib import Path

import pytest

from fleet_backend.fleet import keys
from fleet_backend.fleet.errors import KeyFileError
from protocol import rsa


def test_an_rsa_key_signs_what_the_vehicle_verifies(tmp_path: Path) -> None:
    path = tmp_path / "owner.key"
    made = keys.generate_rsa(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    loaded = keys.load_rsa(path)
    assert keys.modulus(loaded) == keys.modulus(made)
    assert rsa.verify(keys.modulus(loaded), b"message", keys.sign_ps256(loaded, b"message"))
    assert not rsa.verify(keys.modulus(loaded), b"another", keys.sign_ps256(loaded, b"message"))


def test_the_thumbprint_is_what_openssl_prints(tmp_path: Path) -> None:
    made = keys.generate_rsa(tmp_path / "owner.key")
    command = ["openssl", "pkey", "-in", str(tmp_path / "owner.key"), "-pubout", "-outform", "DER"]
    try:
        der = subprocess.run(command, capture_output=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    digest = subprocess.run(
        ["openssl", "dgst", "-sha256", "-binary"], input=der, capture_output=True, check=True
    ).stdout
    assert keys.thumbprint(made) == digest


def test_an_ed25519_key_signs_what_its_verifier_accepts(tmp_path: Path) -> None:
    keys.generate_ed25519(tmp_path / "ack.key")
    loaded = keys.load_ed25519(tmp_path / "ack.key")
    verify = keys.ed25519_verifier(keys.public_bytes(loaded))
    assert verify(b"message", loaded.sign(b"message"))
    assert not verify(b"message", loaded.sign(b"another"))
    assert not verify(b"message", b"short")


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    keys.generate_ed25519(tmp_path / "a.key")
    before = (tmp_path / "a.key").read_bytes()
    with pytest.raises(KeyFileError, match="cannot write"):
        keys.generate_ed25519(tmp_path / "a.key")
    assert (tmp_path / "a.key").read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    keys.generate_ed25519(tmp_path / "a.key")
    (tmp_path / "a.key").chmod(mode)
    with pytest.raises(KeyFileError, match="0600"):
        keys.load_ed25519(tmp_path / "a.key")


def test_the_wrong_kind_of_key_is_refused(tmp_path: Path) -> None:
    keys.generate_ed25519(tmp_path / "a.key")
    keys.generate_rsa(tmp_path / "b.key")
    with pytest.raises(KeyFileError, match="not an RSA key"):
        keys.load_rsa(tmp_path / "a.key")
    with pytest.raises(KeyFileError, match="not an Ed25519 key"):
        keys.load_ed25519(tmp_path / "b.key")
    with pytest.raises(KeyFileError, match="1024"):
        keys.generate_rsa(tmp_path / "c.key", 1024)


# PKCS8 whose algorithm 1.2.3.4 nobody knows.
STRANGE = b"-----BEGIN PRIVATE KEY-----\nMAwCAQAwBQYDKgMEBAA=\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\n", b"\xff" * 99, STRANGE])
def test_a_broken_file_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="not an unencrypted PEM key"):
        keys.load_rsa(path)
    with pytest.raises(KeyFileError, match="cannot read"):
        keys.load_rsa(tmp_path / "absent.key")
