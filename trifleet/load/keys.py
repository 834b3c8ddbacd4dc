"""The keys of a load's fleet, all drawn from one secret, so that 100,000 need one file."""

import hmac

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.mac import record_key


class Keyring:
    """Real keys: who does not have the secret cannot tell them from random ones."""

    def __init__(self, secret: bytes) -> None:
        """`secret`: 32 random bytes, of this run alone."""
        self._secret = secret

    def __repr__(self) -> str:
        return "Keyring(...)"

    def gateway(self, name: str) -> Ed25519PrivateKey:
        """What it signs statements with."""
        return Ed25519PrivateKey.from_private_bytes(self._draw("gateway", name))

    def vehicle(self, name: str) -> bytes:
        """The vehicle's own 32 bytes."""
        return self._draw("vehicle", name)

    def record_key(self, name: str) -> bytes:
        """What its records are sealed with, as the backend is told at provisioning."""
        return record_key(self.vehicle(name))

    def _draw(self, kind: str, name: str) -> bytes:
        return hmac.digest(self._secret, f"trifleet/load/{kind}/{name}".encode(), "sha256")
