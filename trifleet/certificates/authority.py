"""The installation's certificate authority: its key, what it issued, and what it took back.

The folder is apart from everything that faces the network; the registrar alone is given it.
Order of writes: register, then the list of revoked certificates, then the certificate itself. Power
that goes in between leaves an entry whose certificate nobody has, never one that is not registered.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from protocol import fields
from protocol.errors import DecodeError
from trifleet.certificates import register, roots, x509_parts
from trifleet.certificates.errors import CertificateError
from trifleet.certificates.register import Entry, Use
from trifleet.certificates.roots import Roots
from trifleet.layout import make_folder, write_private

DAY_S = 86_400
LIFE_S = 365 * DAY_S
# The root outlives what it signs; the list of revoked ones never ends before it, because a list
# that is over makes two of the three brokers refuse everybody.
ROOT_LIFE_S = 20 * LIFE_S
# A clock beside the vehicle may be this much behind.
BACKDATE_S = 3600
SERVER_NAMES = ("127.0.0.1", "localhost")
BROKER = "broker"


class Authority:
    """Opens what `create` made. Safe for several processes: each change holds the folder's lock."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self._clock = clock
        self.signer()  # raises CertificateError where something is missing

    @property
    def roots(self) -> Roots:
        """Who signs and who is trusted now; another process may have changed it."""
        return roots.load(self.folder)

    @property
    def certificate_file(self) -> Path:
        """The root certificate that signs now."""
        return roots.certificate_file(self.folder, self.roots.signing)

    def signer(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """Key and certificate that sign now."""
        return self._root(self.roots.signing)

    def bundle(self) -> bytes:
        """Every root that is trusted now (PEM), which everybody checks the others against; the one
        that signs comes first."""
        return b"".join(path.read_bytes() for path in self._trusted_files())

    def link(self) -> bytes:
        """The newest root's key, signed by the root before it (PEM); empty at the first root."""
        path = roots.link_file(self.folder, max(self.roots.trusted))
        return path.read_bytes() if path.exists() else b""

    @property
    def revoked_file(self) -> Path:
        """The list of revoked certificates (PEM), by each root that is trusted."""
        return self.folder / "revoked.pem"

    @property
    def register_file(self) -> Path:
        """What was issued and taken back; replaced whole at each change."""
        return self.folder / "register.json"

    def holders(self) -> dict[str, tuple[Use, tuple[int, ...]]]:
        """Who may connect: name -> (use, serial numbers of his good certificates)."""
        now, found = self.now(), self.roots
        out: dict[str, tuple[Use, tuple[int, ...]]] = {}
        withdrawn = found.since if found.other is None else 0
        for one in self.entries()[withdrawn:]:
            if one.use is not Use.BROKER and one.good_at(now):
                out[one.name] = (one.use, (*out.get(one.name, (one.use, ()))[1], one.serial))
        return out

    def entries(self) -> tuple[Entry, ...]:
        """All that was ever issued, in this order."""
        return register.load(self.register_file)

    def issue_client(
        self, name: str, public_key: ec.EllipticCurvePublicKey, use: Use = Use.GATEWAY
    ) -> bytes:
        """A year's certificate (PEM) for a gateway or a program. Raises CertificateError.

        A name has one use for good: a gateway's certificate never becomes a program's.
        """
        name = checked_name(name)
        with self.locked():
            life, serial = self._life(), self._register_new(name, use, public_key)
            made = x509_parts.client(*self.signer(), public_key, serial, life, name)
        return made.public_bytes(Encoding.PEM)

    def issue_server(
        self, public_key: ec.EllipticCurvePublicKey, names: Sequence[str] = ()
    ) -> bytes:
        """The broker's certificate, for loopback and these host names or addresses."""
        for name in names:
            check_host(name)
        alternatives = tuple(dict.fromkeys((*SERVER_NAMES, *names)))
        with self.locked():
            life, serial = self._life(), self._register_new(BROKER, Use.BROKER, public_key)
            made = x509_parts.server(*self.signer(), public_key, serial, life, alternatives)
        return made.public_bytes(Encoding.PEM)

    def issue_requested(self, name: str, request_pem: bytes) -> bytes:
        """A gateway's certificate for a signed request (PKCS #10, PEM) for just this name.

        Of the request only the key is used; what else it asks for is not granted.
        """
        try:
            request = x509.load_pem_x509_csr(request_pem)
            holds = request.is_signature_valid
        except (ValueError, UnsupportedAlgorithm, TypeError) as error:
            raise CertificateError(f"not a certificate request: {error}") from error
        key = request.public_key()
        if not holds or not isinstance(key, ec.EllipticCurvePublicKey):
            raise CertificateError("the request is not signed by its own key on P-256")
        if request.subject != x509_parts.common_name(checked_name(name)):
            raise CertificateError(f"the request is for another name than {name}")
        return self.issue_client(name, key)

    def revoke(self, name: str, *, but_key: str = "") -> list[Entry]:
        """Take back all good certificates of a name, but those of one key; returns these."""
        name = checked_name(name)
        now = self.now()
        with self.locked():
            entries = self.entries()
            gone = [
                one
                for one in entries
                if one.name == name and one.good_at(now) and one.key != but_key
            ]
            self._save(
                tuple(
                    dataclasses.replace(one, revoked=now) if one in gone else one for one in entries
                )
            )
        return gone

    def now(self) -> int:
        return int(self._clock())

    def _life(self) -> tuple[int, int]:
        now = self.now()
        return now - BACKDATE_S, now + LIFE_S

    def _register_new(self, name: str, use: Use, public_key: ec.EllipticCurvePublicKey) -> int:
        if not isinstance(public_key.curve, ec.SECP256R1):
            raise CertificateError("a key on P-256, not on another curve")
        uses = {one.use for one in self.entries() if one.name == name}
        if (name == BROKER) != (use is Use.BROKER) or uses - {use}:
            raise CertificateError(f"{name} is the name of another use than {use}")
        serial = x509.random_serial_number()
        entry = Entry(serial, name, use, *self._life(), key_digest(public_key))
        self._save((*self.entries(), entry))
        return serial

    def publish(self) -> None:
        """The lists as the roots of now sign them; whoever watches the register looks again."""
        self._save(self.entries())

    def _save(self, entries: tuple[Entry, ...]) -> None:
        register.save(self.register_file, entries)
        signers = [self._root(number) for number in self._ordered()]
        _write_lists(self.folder, signers, entries, self.now())

    def _ordered(self) -> list[int]:
        found = self.roots
        return [found.signing, *(one for one in found.trusted if one != found.signing)]

    def _trusted_files(self) -> list[Path]:
        return [roots.certificate_file(self.folder, number) for number in self._ordered()]

    def _root(self, number: int) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = load_key(roots.key_file(self.folder, number))
        return key, load_certificate(roots.certificate_file(self.folder, number))

    @contextlib.contextmanager
    def locked(self, name: str = "lock") -> Iterator[None]:
        """Nobody else changes anything meanwhile. Another name: another lock."""
        handle = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def create(folder: Path, name: str, clock: Callable[[], float] = time.time) -> Authority:
    """A new authority, or the one that is there. Safe to repeat after an interruption."""
    make_folder(folder)
    if roots.file(folder).exists():
        return Authority(folder, clock)  # it was made, and changed since
    key_file, root_file = folder / "authority.key", folder / "authority.pem"
    if not key_file.exists():
        write_key(key_file, ec.generate_private_key(x509_parts.CURVE))
    key = load_key(key_file)
    now = int(clock())
    if not root_file.exists():
        root = x509_parts.authority(key, name, (now - BACKDATE_S, now + ROOT_LIFE_S))
        write_private(root_file, root.public_bytes(Encoding.PEM))
    if not (folder / "register.json").exists():
        register.save(folder / "register.json", ())
    if not (folder / "revoked.pem").exists():
        entries = register.load(folder / "register.json")
        _write_lists(folder, [(key, load_certificate(root_file))], entries, now)
    return Authority(folder, clock)


def _write_lists(
    folder: Path,
    signers: Sequence[tuple[ec.EllipticCurvePrivateKey, x509.Certificate]],
    entries: tuple[Entry, ...],
    now: int,
) -> None:
    """One a root. Serial numbers are random, so each may name all that were revoked."""
    revoked = [(one.serial, one.revoked) for one in entries if one.revoked]
    # Each save makes the register longer or revokes more, so the number grows.
    number = len(entries) + len(revoked) + 1
    made = []
    for key, root in signers:
        life = (now - BACKDATE_S, int(root.not_valid_after_utc.timestamp()))
        signed = x509_parts.revocation_list(key, root, number, life, revoked)
        made.append(signed.public_bytes(Encoding.PEM))
    write_private(folder / "revoked.pem", b"".join(made))


def checked_name(name: str) -> str:
    """Raises CertificateError for what is no identifier: it would be part of topics and rights."""
    try:
        return fields.identifier(name, "certificate.name")
    except DecodeError as error:
        raise CertificateError(
            f"{name!r}: a name is 1 to 32 characters of a-z 0-9 -, no hyphen at either end"
        ) from error


_HOST_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:")


def check_host(name: str) -> None:
    """Raises CertificateError for what is neither a host name nor an address."""
    if not 1 <= len(name) <= 253 or not _HOST_LETTERS.issuperset(name):
        raise CertificateError(f"{name!r} is neither a host name nor an address")


def key_digest(key: ec.EllipticCurvePublicKey) -> str:
    """SHA-256 of the DER SubjectPublicKeyInfo, in hexadecimal."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """PEM, PKCS #8, mode 0600, whole or not at all."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(path, pem)


def load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Raises CertificateError."""
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"{path} is no private key: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError(f"{path}: a key on P-256, not of another kind")
    return key


def load_certificate(path: Path) -> x509.Certificate:
    """Raises CertificateError."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise CertificateError(f"{path} is no certificate: {error}") from error
