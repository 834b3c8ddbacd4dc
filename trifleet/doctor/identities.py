"""Whether the parts belong together: each key to those who are told to believe it.

A file of another installation is whole and can be read, and nothing works with it.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from fleet_backend.fleet import keys
from trifleet.doctor.databases import sqlite_file
from trifleet.doctor.finding import Finding, Findings, fail, ok, warn
from trifleet.doctor.readonly import LookError, number, reading
from trifleet.doctor.subject import Subject, read_small, read_toml
from trifleet.installation import ISSUER

_OTHER = "one of the two is of another installation: put the right file back"


def check_identities(subject: Subject) -> Findings:
    """Keys against the database and the gateways' settings."""
    found = [*_acknowledgements(subject)]
    try:
        path = sqlite_file(subject)
        if path is not None:
            with reading(path) as database:
                found += [*_gateways(subject, database), *_owner(subject, database)]
    except LookError:
        pass  # told by the check of the database
    yield from found
    if not found:
        yield ok("identities", "keys, database and settings belong together")


def _acknowledgements(subject: Subject) -> Iterator[Finding]:
    public = _ed25519(subject.layout.ack_key)
    if public is None:
        return
    for path in sorted(subject.layout.root.glob("gateways/*/gateway.toml")):
        believed = read_toml(path).get("ack_public_key")
        if believed not in (None, public.hex()):
            words = f"{path.parent.name} does not believe the key of ingest/ack.key"
            yield fail("identities", words, "start `trifleet run`: it writes the settings anew")


def _gateways(subject: Subject, database: sqlite3.Connection) -> Iterator[Finding]:
    """The gateways of this folder, and the issuer, which signs statements as they do."""
    known = {
        str(name): bytes(key)
        # The newest key of each: of several rows the last one stays.
        for name, key, _ in database.execute(
            "SELECT id, public_key, -1 AS first FROM gateways"
            " UNION ALL SELECT gateway, public_key, first_seq FROM gateway_keys ORDER BY first"
        )
        if isinstance(key, bytes)
    }
    files = {
        path.parent.name: path
        for path in sorted(subject.layout.root.glob("gateways/*/gateway.key"))
    }
    for name, path in {ISSUER: subject.layout.issuer_statement_key, **files}.items():
        public = _ed25519(path)
        if public is None or known.get(name, public) == public:
            continue
        if _is_changing(path, public):
            words = f"{name} has changed its key, and the backend has not said that it knows"
            yield warn("identities", words, "let the gateway reach its broker")
        else:
            words = f"the database knows {name} by another key than {path.parent.name}/{path.name}"
            yield fail("identities", words, _OTHER)


def _is_changing(key_file: Path, public: bytes) -> bool:
    """Does the statement that brings this key in wait in the gateway's outbox?"""
    waiting = "SELECT count(*) FROM signer JOIN statements ON seq = changed_by WHERE public_key = ?"
    try:
        with reading(key_file.with_name("outbox.db")) as outbox:
            return number(outbox, waiting, public) == 1
    except LookError:
        return False  # told by the check of the outboxes


def _owner(subject: Subject, database: sqlite3.Connection) -> Iterator[Finding]:
    """The owner's key may lie elsewhere, and vehicles may have changed hands."""
    own = _owner_thumbprint(subject.layout.owner_key)
    owners = {row[0] for row in database.execute("SELECT owner_thumbprint FROM vehicles")}
    if own is not None and owners and own not in owners:
        yield fail("identities", "owner/owner.key owns no vehicle of the database", _OTHER)


def _ed25519(path: Path) -> bytes | None:
    """The public key, or None for what another check tells of."""
    key = _key(path)
    return keys.public_bytes(key) if isinstance(key, Ed25519PrivateKey) else None


def _owner_thumbprint(path: Path) -> bytes | None:
    key = _key(path)
    return keys.thumbprint(key) if isinstance(key, RSAPrivateKey) else None


def _key(path: Path) -> PrivateKeyTypes | None:
    try:
        # Only for its public half: that the two belong together is seen by the check of the keys.
        return load_pem_private_key(read_small(path), None, unsafe_skip_rsa_key_validation=True)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
