"""The HTTP contract over vehicles in memory, for the pages' tests. Misuse of the contract by a page
is noted in `misuse`, and the fixture fails the test for it."""

import asyncio
import base64
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from web_vehicle import Entry, FakeVehicle, now_s

from fleet_backend.ledger import checkpoint, keys, merkle
from fleet_backend.web.pages import web_routes
from protocol import cbor, cose, grant, presentation, refusal, request
from protocol import rsa as wire_rsa

ORIGIN = "log.example/trifleet"
TOKEN = "operator-token-of-the-tests"
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
TICK_S = 0.25


class ProblemError(Exception):
    def __init__(self, status: int, name: str, detail: str = "") -> None:
        self.status, self.name, self.detail = status, name, detail


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@cache
def owner_key() -> rsa.RSAPrivateKey:
    """One for all tests: making it takes longer than a page does to open."""
    return rsa.generate_private_key(65537, 2048)


class FakeFleet:
    """State of the fake server. Tests turn its attributes and read what happened."""

    def __init__(self, names: tuple[str, ...], policy_file: Path) -> None:
        self.misuse: list[str] = []
        self.leaves: list[bytes] = []
        self.events: list[tuple[int, str, dict[str, object]]] = []
        self.riders: dict[str, bytes] = {}
        self.grants: dict[str, dict[str, object]] = {}
        self.commands: dict[str, dict[str, object]] = {}
        self.answers: dict[str, Entry] = {}
        self.idempotent: dict[str, tuple[str, str]] = {}
        self.quarantine: list[dict[str, object]] = []
        self.gaps: list[dict[str, object]] = []
        self.work_orders: list[dict[str, object]] = []
        self.rollouts: list[dict[str, object]] = []
        self.releases: list[dict[str, object]] = []
        self.down = False
        self.grant_delay_s = 0.2
        self.grant_refusal: str | None = None
        self.swap_codes = False  # an issuer that puts codes of its own into a grant
        self.log_key = Ed25519PrivateKey.generate()
        policy_file.write_text(f"log {keys.log_vkey(ORIGIN, self.log_key)}\nquorum none\n")
        self.policy_file = policy_file
        self.owner = owner_key()
        self.owner_modulus = self.owner.public_key().public_numbers().n.to_bytes(256, "big")
        owner = wire_rsa.thumbprint(self.owner_modulus)
        self.vehicles = {
            name: FakeVehicle(name, owner, self.emit, self.log, angle=index * 1.3)
            for index, name in enumerate(names)
        }
        self.tasks: set[asyncio.Task[None]] = set()

    def emit(self, topic: str, data: dict[str, object]) -> None:
        self.events.append((len(self.events) + 1, topic, data))

    def log(self, leaf: bytes) -> int:
        self.leaves.append(merkle.leaf_hash(leaf))
        return len(self.leaves) - 1

    def receipt(self, vehicle: FakeVehicle, entry: Entry) -> str:
        size = len(self.leaves)
        root = merkle.root_of(self.leaves)
        proof = merkle.inclusion_proof(
            entry.number, size, lambda low, high: merkle.root_of(self.leaves[low:high])
        )
        signer = keys.log_signer(ORIGIN, self.log_key)
        note = checkpoint.sign_checkpoint(checkpoint.Checkpoint(ORIGIN, size, root), signer).note
        gateway = vehicle.gateway_key.public_key().public_bytes_raw()
        extra = cbor.encode([1, entry.statement, entry.salt, entry.body, gateway])
        lines = [f"extra {base64.b64encode(extra).decode()}", f"index {entry.number}"]
        lines += [base64.b64encode(item).decode() for item in proof]
        return "c2sp.org/tlog-proof@v1\n" + "\n".join(lines) + "\n\n" + note.decode()

    async def tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for vehicle in self.vehicles.values():
                vehicle.tick(TICK_S)

    # --- riders -------------------------------------------------------------------------------
    async def post_rider(self, body: dict[str, object]) -> Response:
        der = self.bytes_of(body, "public_key")
        modulus = wire_rsa.modulus_of_spki(der)
        if modulus is None:
            raise ProblemError(400, "malformed", "public_key")
        payload, signature = cose.split(self.bytes_of(body, "proof"), cose.PS256, "proof")
        time_s = request.decode_registration(payload)
        self.check_pss(modulus, request.registration_message(payload), signature)
        if abs(time_s - now_s()) > 300:
            raise ProblemError(403, "stale-proof")
        name = wire_rsa.thumbprint(modulus).hex()
        status = 200 if name in self.riders else 201
        self.riders[name] = modulus
        return JSONResponse({"rider": name}, status)

    def check_pss(self, modulus: bytes, message: bytes, signature: bytes) -> None:
        """With `cryptography`: another implementation than the one that signs."""
        public = rsa.RSAPublicNumbers(65537, int.from_bytes(modulus, "big")).public_key()
        try:
            public.verify(signature, message, PSS, hashes.SHA256())
        except InvalidSignature as error:
            raise ProblemError(403, "proof") from error

    async def post_grant(self, body: dict[str, object]) -> Response:
        sign1 = self.bytes_of(body, "request")
        payload, signature = cose.split(sign1, cose.PS256, "request")
        asked = request.decode_grant_request(payload)
        message = request.grant_request_message(payload)
        modulus = self.rider_of(body.get("rider"), message, signature)
        if asked.duration_s != 3600 or asked.actions != (0b1000_0011 if asked.codes else 0b11):
            self.misuse.append(f"grant request for {asked.actions:b}, {asked.duration_s} s")
        number = sha256(sign1).hexdigest()[:16]
        chain = [self.sign_grant(asked, modulus)]
        ready = time.monotonic() + self.grant_delay_s
        self.grants[number] = {"ready": ready, "chain": chain, "refused": self.grant_refusal}
        return JSONResponse({"id": number, "state": "requested"}, 202)

    def rider_of(self, name: object, message: bytes, signature: bytes) -> bytes:
        modulus = self.riders.get(str(name))
        if modulus is None:
            raise ProblemError(404, "unknown-rider")
        self.check_pss(modulus, message, signature)
        return modulus

    def sign_grant(self, asked: request.GrantRequest, modulus: bytes) -> bytes:
        codes = asked.codes
        if codes and self.swap_codes:
            codes = [codes[0], *(bytes(16 - 1) + bytes((i,)) for i in range(len(codes) - 1))]
        payload = grant.encode(
            grant.Grant(
                asked.vehicle,
                wire_rsa.thumbprint(modulus),
                asked.actions,
                now_s() - 5,
                now_s() - 5 + asked.duration_s,
                0,
                asked.nonce,
                {0: 6_944},
                codes,
            )
        )
        message = grant.signed_message(payload)
        signature = self.owner.sign(message, PSS, hashes.SHA256())
        return cose.assemble(cose.PS256, payload, signature)

    async def get_grant(self, number: str) -> Response:
        found = self.grants.get(number)
        if found is None:
            raise ProblemError(404, "not-found")
        answer: dict[str, object] = {"id": number, "reason": None, "grants": [], "keys": []}
        if found["refused"]:
            return JSONResponse({**answer, "state": "refused", "reason": found["refused"]})
        if time.monotonic() < float(str(found["ready"])):
            return JSONResponse({**answer, "state": "requested"})
        chain = [b64u(item) for item in found["chain"]]  # type: ignore[attr-defined]
        owner = b64u(self.owner_modulus)
        return JSONResponse({**answer, "state": "issued", "grants": chain, "keys": [owner]})

    # --- commands -----------------------------------------------------------------------------
    async def post_command(self, name: str, body: dict[str, object]) -> Response:
        vehicle = self.vehicle(name)
        data = self.bytes_of(body, "presentation")
        asked = presentation.decode(data)
        number = asked.command_id.hex()
        value = {
            "id": number, "vehicle": name, "action": asked.command.action,
            "state": "queued", "refusal": None, "created": now_s(), "updated": now_s(),
            "leaf_index": None,
        }  # fmt: skip
        self.commands[number] = value
        task = asyncio.create_task(self.carry(vehicle, value, data))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return JSONResponse(value, 202)

    async def carry(self, vehicle: FakeVehicle, value: dict[str, object], data: bytes) -> None:
        self.change(value, state="sent")
        if vehicle.silent:
            return
        await asyncio.sleep(0.1)
        self.change(value, state="delivered")
        while vehicle.holds_answer:
            await asyncio.sleep(0.02)
        state, code, entry = vehicle.present(data)
        self.answers[str(value["id"])] = entry
        refused = {"code": code, "name": refusal.NAMES[code], "text": ""} if code else None
        self.change(value, state=state, refusal=refused, leaf_index=entry.number)
        while value["state"] == "pending":
            await asyncio.sleep(0.05)
            if vehicle.state == 0:
                self.change(value, state="executed")

    def change(self, value: dict[str, object], **more: object) -> None:
        value.update(more, updated=now_s())
        self.emit("command", dict(value))

    async def command_receipt(self, number: str) -> Response:
        value = self.commands.get(number)
        if value is None:
            raise ProblemError(404, "not-found")
        entry = self.answers.get(number)
        if entry is None:
            raise ProblemError(404, "not-logged-yet")
        return PlainTextResponse(self.receipt(self.vehicle(str(value["vehicle"])), entry))

    def receipt_of_leaf(self, number: int) -> Response:
        for vehicle in self.vehicles.values():
            for entry in vehicle.entries:
                if entry.number == number:
                    return PlainTextResponse(self.receipt(vehicle, entry))
        raise ProblemError(404, "not-found")

    # --- helpers ------------------------------------------------------------------------------
    def vehicle(self, name: str) -> FakeVehicle:
        if name not in self.vehicles:
            raise ProblemError(404, "not-found")
        return self.vehicles[name]

    def bytes_of(self, body: dict[str, object], key: str) -> bytes:
        text = body.get(key)
        if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9_-]*", text):
            self.misuse.append(f"{key} is not base64url without padding")
            raise ProblemError(400, "bad-value", key)
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def stream(
    fleet: FakeFleet, asked: Request, wanted: Callable[[str, dict[str, object]], bool],
    first: list[tuple[str, dict[str, object]]], start: int,
) -> AsyncIterator[str]:  # fmt: skip
    last = asked.headers.get("last-event-id")
    at = int(last) if last else start
    for topic, data in first:
        yield f"event: {topic}\nid: {at}\ndata: {json.dumps(data)}\n\n"
    while not fleet.down and not await asked.is_disconnected():
        while at < len(fleet.events):
            number, topic, data = fleet.events[at]
            at += 1
            if wanted(topic, data):
                yield f"event: {topic}\nid: {number}\ndata: {json.dumps(data)}\n\n"
        await asyncio.sleep(0.04)


class Handlers:
    """Routes onto a FakeFleet: authorisation, Idempotency-Key, problem+json."""

    def __init__(self, fleet: FakeFleet) -> None:
        self.fleet = fleet

    def routes(self) -> list[Route]:
        fleet = self.fleet
        return [
            self.route("/v1/riders", fleet_post(fleet.post_rider), post=True),
            self.route("/v1/grants", fleet_post(fleet.post_grant), post=True),
            self.route("/v1/grants/{id}", lambda q: fleet.get_grant(q.path_params["id"])),
            self.route("/v1/vehicles", self.vehicles),
            self.route("/v1/vehicles/{id}/challenge", self.challenge),
            self.route("/v1/vehicles/{id}/commands", self.command, post=True),
            self.route("/v1/commands/{id}", self.get_command),
            self.route("/v1/commands/{id}/stream", self.command_stream),
            self.route(
                "/v1/commands/{id}/receipt", lambda q: fleet.command_receipt(q.path_params["id"])
            ),
            self.route("/v1/fleet/vehicles", self.fleet_vehicles, operator=True),
            self.route("/v1/fleet/vehicles/{id}/events", self.events, operator=True),
            self.route("/v1/fleet/vehicles/{id}/telemetry", self.telemetry, operator=True),
            self.route("/v1/vehicles/{id}/work-orders", self.work_orders, operator=True),
            self.route("/v1/fleet/refusals", self.refusals, operator=True),
            self.route("/v1/fleet/gaps", self.gaps, operator=True),
            self.route("/v1/fleet/rollouts", self.rollouts, operator=True),
            self.route("/v1/fleet/releases", self.releases, operator=True),
            self.route("/v1/fleet/receipts/{leaf:int}", self.leaf_receipt, operator=True),
            self.route("/v1/fleet/stream", self.fleet_stream, operator=True),
        ]

    def route(
        self, path: str, work: Callable[[Request], Awaitable[Response]],
        post: bool = False, operator: bool = False,
    ) -> Route:  # fmt: skip
        async def handle(asked: Request) -> Response:
            try:
                if self.fleet.down:
                    raise ProblemError(503, "database")
                if operator and asked.headers.get("authorization") != f"Bearer {TOKEN}":
                    raise ProblemError(401, "unauthorized")
                if post and not asked.headers.get("idempotency-key"):
                    self.fleet.misuse.append(f"POST {path} without Idempotency-Key")
                return await work(asked)
            except ProblemError as error:
                body = {"type": f"/problems/{error.name}", "title": error.name,
                        "status": error.status, "detail": error.detail}  # fmt: skip
                return JSONResponse(body, error.status, media_type="application/problem+json")

        return Route(path, handle, methods=["POST" if post else "GET"])

    async def vehicles(self, asked: Request) -> Response:
        items = [vehicle.item() for vehicle in self.fleet.vehicles.values()]
        return JSONResponse({"items": items, "next": None})

    async def challenge(self, asked: Request) -> Response:
        given = self.fleet.vehicle(asked.path_params["id"]).challenge()
        if given is None:
            raise ProblemError(404, "no-challenge")
        return JSONResponse({"challenge": b64u(given[0]), "expires": given[1]})

    async def command(self, asked: Request) -> Response:
        return await self.fleet.post_command(asked.path_params["id"], await asked.json())

    async def get_command(self, asked: Request) -> Response:
        value = self.fleet.commands.get(asked.path_params["id"])
        if value is None:
            raise ProblemError(404, "not-found")
        return JSONResponse(value)

    async def command_stream(self, asked: Request) -> Response:
        value = self.fleet.commands.get(asked.path_params["id"])
        if value is None:
            raise ProblemError(404, "not-found")
        vehicle = self.fleet.vehicle(str(value["vehicle"]))

        def wanted(topic: str, data: dict[str, object]) -> bool:
            mine = topic == "command" and data["id"] == value["id"]
            return mine or (topic == "vehicle" and data["id"] == vehicle.name)

        start = len(self.fleet.events)
        first = [("command", dict(value)), ("vehicle", vehicle.report())]
        return events_answer(stream(self.fleet, asked, wanted, first, start))

    async def fleet_vehicles(self, asked: Request) -> Response:
        items = [vehicle.item(operator=True) for vehicle in self.fleet.vehicles.values()]
        return JSONResponse({"items": items, "next": None})

    async def events(self, asked: Request) -> Response:
        vehicle = self.fleet.vehicle(asked.path_params["id"])
        end = int(asked.query_params.get("cursor", len(vehicle.entries)))
        part = vehicle.entries[max(0, end - 20) : end]
        items = [vehicle.event_item(entry) for entry in reversed(part)]
        return JSONResponse({"items": items, "next": str(end - 20) if end > 20 else None})

    async def work_orders(self, asked: Request) -> Response:
        made = [one for one in self.fleet.work_orders if one["vehicle"] == asked.path_params["id"]]
        start = int(asked.query_params.get("cursor", 0))
        rest = str(start + 2) if len(made) > start + 2 else None
        return JSONResponse({"items": made[start : start + 2], "next": rest})

    async def telemetry(self, asked: Request) -> Response:
        vehicle = self.fleet.vehicle(asked.path_params["id"])
        names = ("time", "speed_mmps", "soc_permille", "pack_mv", "odometer_m")
        columns = zip(*vehicle.telemetry, strict=True) if vehicle.telemetry else [()] * 5
        return JSONResponse(dict(zip(names, (list(column) for column in columns), strict=True)))

    async def refusals(self, asked: Request) -> Response:
        items = [
            vehicle.refusal_item(entry)
            for vehicle in self.fleet.vehicles.values()
            for entry in vehicle.entries
            if entry.record.kind == 4
        ]
        items.sort(key=lambda item: -int(str(item["id"])))
        return JSONResponse({"items": self.fleet.quarantine + items, "next": None})

    async def rollouts(self, _: Request) -> Response:
        return JSONResponse({"items": self.fleet.rollouts})

    async def releases(self, _: Request) -> Response:
        return JSONResponse({"items": self.fleet.releases})

    async def gaps(self, _: Request) -> Response:
        return JSONResponse({"items": self.fleet.gaps, "next": "7" if self.fleet.gaps else None})

    async def leaf_receipt(self, asked: Request) -> Response:
        return self.fleet.receipt_of_leaf(asked.path_params["leaf"])

    async def fleet_stream(self, asked: Request) -> Response:
        start = len(self.fleet.events)
        return events_answer(stream(self.fleet, asked, lambda topic, data: True, [], start))


def fleet_post(
    work: Callable[[dict[str, object]], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def handle(asked: Request) -> Response:
        return await work(await asked.json())

    return handle


def events_answer(lines: AsyncIterator[str]) -> Response:
    headers = {"Cache-Control": "no-store"}
    return StreamingResponse(lines, headers=headers, media_type="text/event-stream")


def make_app(fleet: FakeFleet) -> Starlette:
    routes = [*web_routes(fleet.policy_file), *Handlers(fleet).routes()]
    return Starlette(routes=routes)
