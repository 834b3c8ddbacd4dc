"""A rider's client: what a phone does, over the public HTTP API and nothing else.

The private key never leaves this object; the servers see signatures only.
"""

import base64
import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from protocol import command, cose, grant, presentation, request
from protocol.rsa import thumbprint
from trifleet.codes import DrawnCodes
from trifleet.errors import ClientError

_PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
_POLL_S = 0.1
FINAL_STATES = ("executed", "refused", "expired")


def to_text(data: bytes) -> str:
    """base64url without padding, as everywhere in the API."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_text(text: str) -> bytes:
    """The inverse of `to_text`."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class HolderKey:
    """An RSA-2048 key that signs PS256, as a phone keeps it."""

    def __init__(self, private: rsa.RSAPrivateKey | None = None) -> None:
        self._private = private or rsa.generate_private_key(65537, 2048)
        public = self._private.public_key()
        self.modulus = public.public_numbers().n.to_bytes(public.key_size // 8, "big")
        self.spki = public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.thumbprint = thumbprint(self.modulus)

    def seal(self, payload: bytes, message: bytes) -> bytes:
        """COSE_Sign1 of `payload`; `message` is its Sig_structure."""
        signature = self._private.sign(message, _PSS, hashes.SHA256())
        return cose.assemble(cose.PS256, payload, signature)


class RiderClient:
    """One rider against one server. Every method raises ClientError in words for the rider."""

    def __init__(self, address: str, key: HolderKey | None = None) -> None:
        self.key = key or HolderKey()
        self.http = httpx.Client(base_url=address, timeout=10.0, trust_env=False)

    def close(self) -> None:
        self.http.close()

    def register(self) -> str:
        """Register the public key; the rider's name is its thumbprint (hex)."""
        payload = request.encode_registration(int(time.time()))
        proof = self.key.seal(payload, request.registration_message(payload))
        body = {"public_key": to_text(self.key.spki), "proof": to_text(proof)}
        return str(self._post("/v1/riders", body)["rider"])

    def vehicles(self) -> list[dict[str, Any]]:
        """Vehicles and whether they are available."""
        items = self._get("/v1/vehicles")["items"]
        return list(items)

    def obtain_grant(
        self,
        vehicle: str,
        duration_s: int,
        wait_s: float = 20.0,
        codes: DrawnCodes | None = None,
    ) -> dict[str, Any]:
        """Ask for a grant to unlock and lock, with `codes` to type where the phone cannot reach.

        Returns when the issuer has logged and signed it.
        """
        actions = 1 << (command.UNLOCK - 1) | 1 << (command.LOCK - 1)
        asked = request.GrantRequest(
            vehicle,
            actions | grant.CODE_ACTIONS if codes else actions,
            duration_s,
            secrets.token_bytes(16),
            int(time.time()),
            codes.wire if codes else None,
        )
        payload = request.encode_grant_request(asked)
        sealed = self.key.seal(payload, request.grant_request_message(payload))
        body = {"rider": self.key.thumbprint.hex(), "request": to_text(sealed)}
        answer = self._post("/v1/grants", body)
        end = time.monotonic() + wait_s
        while answer["state"] == "requested" and time.monotonic() < end:
            time.sleep(_POLL_S)
            answer = self._get(f"/v1/grants/{answer['id']}")
        if answer["state"] != "issued":
            raise ClientError(f"no grant: {answer['state']} {answer.get('reason') or ''}".strip())
        return answer

    def challenge(self, vehicle: str, wait_s: float = 10.0) -> bytes:
        """The vehicle's current challenge."""
        end = time.monotonic() + wait_s
        while True:
            answer = self.http.get(f"/v1/vehicles/{vehicle}/challenge")
            if answer.status_code == 200:
                return from_text(answer.json()["challenge"])
            if answer.status_code != 404 or time.monotonic() > end:
                raise _problem(answer)
            time.sleep(_POLL_S)

    def present(
        self, vehicle: str, granted: dict[str, Any], action: int, challenge: bytes
    ) -> bytes:
        """A presentation of the grant with a signed command."""
        grants = [from_text(item) for item in granted["grants"]]
        keys = [from_text(item) for item in granted["keys"]]
        payload, _ = cose.split(grants[-1], cose.PS256, "grant")
        named = grant.decode(payload).grant_id
        asked = command.encode(command.Command(vehicle, challenge, action, {}, named))
        sealed = self.key.seal(asked, command.signed_message(asked))
        return presentation.encode(grants, [*keys, self.key.modulus], sealed)

    def send(self, vehicle: str, presented: bytes) -> str:
        """Hand a presentation to the courier; returns the command's name."""
        body = {"presentation": to_text(presented)}
        return str(self._post(f"/v1/vehicles/{vehicle}/commands", body)["id"])

    def command(self, vehicle: str, granted: dict[str, Any], action: int) -> str:
        """Fetch the challenge, sign, send."""
        presented = self.present(vehicle, granted, action, self.challenge(vehicle))
        return self.send(vehicle, presented)

    def deposit_codes(
        self, vehicle: str, granted: dict[str, Any], wait_s: float = 20.0
    ) -> dict[str, Any]:
        """Leave a grant's codes on the vehicle; its own record says that it has them."""
        name = self.command(vehicle, granted, command.DEPOSIT_CODES)
        return self.wait(name, ("executed",), wait_s)

    def state(self, name: str) -> dict[str, Any]:
        """What is known of a command."""
        return self._get(f"/v1/commands/{name}")

    def wait(self, name: str, states: tuple[str, ...], wait_s: float) -> dict[str, Any]:
        """Wait until a command is in one of `states`; another end of it is an error."""
        end = time.monotonic() + wait_s
        while True:
            found = self.state(name)
            if found["state"] in states:
                return found
            if found["state"] in FINAL_STATES or time.monotonic() > end:
                raise ClientError(f"the command is {found['state']}: {found.get('refusal')}")
            time.sleep(_POLL_S)

    def follow(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Server-sent events of a command: ("vehicle" or "command", data)."""
        with self.http.stream("GET", f"/v1/commands/{name}/stream", timeout=30.0) as answer:
            if answer.status_code != 200:
                answer.read()
                raise _problem(answer)
            kind = ""
            for line in answer.iter_lines():
                if line.startswith("event:"):
                    kind = line[6:].strip()
                elif line.startswith("data:"):
                    yield kind, json.loads(line[5:])

    def receipt(self, name: str, wait_s: float = 20.0) -> str:
        """The receipt of a command, once the ledger holds its answer."""
        end = time.monotonic() + wait_s
        while True:
            answer = self.http.get(f"/v1/commands/{name}/receipt")
            if answer.status_code == 200:
                return answer.text
            if answer.status_code != 404 or time.monotonic() > end:
                raise _problem(answer)
            time.sleep(_POLL_S)

    def _get(self, path: str) -> dict[str, Any]:
        return _answer(self.http.get(path))

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Idempotency-Key": secrets.token_urlsafe(16)}
        return _answer(self.http.post(path, json=body, headers=headers))


def _answer(answer: httpx.Response) -> dict[str, Any]:
    if not answer.is_success:
        raise _problem(answer)
    value = answer.json()
    if not isinstance(value, dict):
        raise ClientError(f"{answer.request.url.path} answered something else than an object")
    return value


def _problem(answer: httpx.Response) -> ClientError:
    where = f"{answer.request.method} {answer.request.url.path}: {answer.status_code}"
    try:
        problem = answer.json()
        return ClientError(f"{where} {problem.get('title', '')}: {problem.get('detail', '')}")
    except (ValueError, AttributeError):
        return ClientError(where)
