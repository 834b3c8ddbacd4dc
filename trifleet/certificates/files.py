"""The three files of one party (root, certificate, private key) and their renewal in time.

A renewal keeps the key: the client id hangs on it, and with it the session on the broker. Who lost
a key revokes its certificates and is issued another key.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from trifleet.certificates import x509_parts
from trifleet.certificates.authority import (
    BROKER,
    DAY_S,
    Authority,
    key_digest,
    load_certificate,
    load_key,
    write_key,
)
from trifleet.certificates.errors import CertificateError
from trifleet.certificates.register import Use
from trifleet.layout import write_private

__all__ = ["BROKER", "Party", "broker_party", "ensure", "renew", "replace_key"]

RENEW_BEFORE_S = 30 * DAY_S


@dataclass(frozen=True)
class Party:
    """Who gets files, and where. `hosts` are the broker's names beside loopback."""

    name: str
    folder: Path
    use: Use = Use.GATEWAY
    hosts: Sequence[str] = ()

    @property
    def ca_file(self) -> Path:
        return self.folder / "authority.pem"

    @property
    def certificate_file(self) -> Path:
        return self.folder / "mqtt.pem"

    @property
    def private_key_file(self) -> Path:
        return self.folder / "mqtt.key"


def broker_party(folder: Path, hosts: Sequence[str] = ()) -> Party:
    """The broker itself."""
    return Party(BROKER, folder, Use.BROKER, hosts)


def ensure(authority: Authority, party: Party, clock: Callable[[], float] = time.time) -> bool:
    """Make what is missing, and renew what has less than 30 days left; true if anything was.

    A name that was revoked gets nothing here: that is `replace_key`'s to do, when it is asked for.
    """
    with authority.locked("files.lock"):  # a command and a running stack do this at one time
        return _ensure(authority, party, clock())


def _ensure(authority: Authority, party: Party, now: float) -> bool:
    bundle = authority.bundle()
    told = not party.ca_file.exists() or party.ca_file.read_bytes() != bundle
    if told:
        write_private(party.ca_file, bundle)
    if _is_revoked(authority, party) or _is_good(authority, party, now):
        return told
    renew(authority, party)
    return True


def renew(authority: Authority, party: Party) -> None:
    """A new certificate for the party's key, which is made where there is none."""
    if not party.private_key_file.exists():
        write_key(party.private_key_file, ec.generate_private_key(x509_parts.CURVE))
    public_key = load_key(party.private_key_file).public_key()
    if party.use is Use.BROKER:
        made = authority.issue_server(public_key, party.hosts)
    else:
        made = authority.issue_client(party.name, public_key, party.use)
    write_private(party.ca_file, authority.bundle())
    write_private(party.certificate_file, made)


def replace_key(authority: Authority, party: Party) -> None:
    """Another key and certificate; what the name had before is revoked afterwards.

    In this order an interruption locks nobody out, and the repetition ends what it began.
    """
    key = ec.generate_private_key(x509_parts.CURVE)
    write_key(party.private_key_file, key)
    renew(authority, party)
    authority.revoke(party.name, but_key=key_digest(key.public_key()))


def answer_request(authority: Authority, party: Party, request_pem: bytes) -> Path:
    """The certificate for a key that never was here; the name's older ones are revoked."""
    made = authority.issue_requested(party.name, request_pem)
    key = x509.load_pem_x509_certificate(made).public_key()
    write_private(party.ca_file, authority.bundle())
    write_private(party.certificate_file, made)
    if isinstance(key, ec.EllipticCurvePublicKey):
        authority.revoke(party.name, but_key=key_digest(key))
    return party.certificate_file


def check_not_revoked(authority: Authority, party: Party) -> None:
    """Raises CertificateError: a renewal must not undo a revocation."""
    if _is_revoked(authority, party):
        raise CertificateError(f"{party.name} was revoked: `trifleet certificates issue` it anew")


def _is_revoked(authority: Authority, party: Party) -> bool:
    entries = [one for one in authority.entries() if one.name == party.name]
    return bool(entries) and bool(entries[-1].revoked)


def _is_good(authority: Authority, party: Party, now: float) -> bool:
    """Key and certificate are there, belong together, are of the root of now, have time left."""
    if not party.certificate_file.exists() or not party.private_key_file.exists():
        return False
    found = load_certificate(party.certificate_file)
    return (
        found.public_key() == load_key(party.private_key_file).public_key()
        and found.issuer == authority.signer()[1].subject
        and found.not_valid_after_utc.timestamp() - now >= RENEW_BEFORE_S
        and (party.use is not Use.BROKER or x509_parts.hosts_of(found).issuperset(party.hosts))
    )
