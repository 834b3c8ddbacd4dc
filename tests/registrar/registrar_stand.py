"""A registrar over a real database, a real authority and a real folder of invitations."""

import secrets
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from fleet_backend.fleet import enrolments
from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.enrolments import Enrolment
from fleet_backend.registrar.invitations import Invitations
from fleet_backend.registrar.worker import Offer, Worker
from protocol import enrolment
from tests.fleet.engines import sqlite_url
from trifleet.certificates.authority import create
from trifleet.certificates.registrar import RegistrarAuthority

NOW = 1_790_000_000
OFFER = Offer(bytes([7] * 32), ("broker.example", 8883, "broker"), ("log.example+0123abcd+key",))


class Asker:
    """A gateway that wants to be enrolled."""

    def __init__(self) -> None:
        self.statement_key = Ed25519PrivateKey.generate()
        self.tls_key = ec.generate_private_key(ec.SECP256R1())
        self.nonce = secrets.token_bytes(16)

    @property
    def public_key(self) -> bytes:
        return self.statement_key.public_key().public_bytes_raw()

    def request(
        self, code: str, csr: bytes | None = None, prover: Ed25519PrivateKey | None = None
    ) -> bytes:
        named, wish = enrolment.invitation_of(code), csr or csr_of(self.tls_key)
        message = enrolment.proof_message(named, self.public_key, wish, self.nonce)
        proof = (prover or self.statement_key).sign(message)
        asked = enrolment.Request(named, self.public_key, wish, self.nonce, proof)
        return enrolment.encode_request(asked, enrolment.key_of(code))

    def open(self, code: str, answer: bytes | None) -> enrolment.Answer:
        assert answer is not None
        return enrolment.open_answer(answer, enrolment.key_of(code), self.nonce)


def csr_of(key: Any, name: str = "somebody-else") -> bytes:
    """With a name and an extension that nobody is to heed."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    )
    authority = x509.BasicConstraints(ca=True, path_length=None)
    made = builder.add_extension(authority, critical=True).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.DER)


class Stand:
    """All of it in one folder; opening it again goes on with what is there."""

    def __init__(self, folder: Path, offer: Offer = OFFER) -> None:
        self.now = NOW
        self.folder = folder
        self.database = open_database(sqlite_url(folder / "fleet.db"))
        self.database.create_schema()
        self.authority = create(folder / "authority", "fleet authority", lambda: float(self.now))
        self.invitations = Invitations(folder / "invitations")
        self.worker = Worker(
            self.database,
            self.invitations,
            RegistrarAuthority(folder / "authority", lambda: float(self.now)),
            offer,
            lambda: float(self.now),
        )

    def ask(self, request: bytes) -> Enrolment:
        """Put it into the queue and let the registrar work."""
        self.queue(request)
        self.worker.step()
        return self.found(request)

    def queue(self, request: bytes) -> None:
        with self.database.begin() as connection:
            enrolments.ask(connection, request, self.now)

    def found(self, request: bytes) -> Enrolment:
        with self.database.read() as connection:
            return enrolments.get(connection, enrolments.name_of(request))
