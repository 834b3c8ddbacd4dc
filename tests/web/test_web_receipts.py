"""ui/receipt.js against trifleet/receipt.py: what one believes, the other believes too."""

import base64
import copy
import random
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page
from web_api import FakeFleet
from web_stand import WebServer
from web_vehicle import Entry

from fleet_backend.ledger.errors import LedgerError
from fleet_backend.ledger.policy import parse_policy
from protocol import cbor, cose, statement
from protocol.errors import DecodeError, VerifyError
from trifleet.receipt import open_receipt

CHECK = """async ([texts, policyText]) => {
  const { checkReceipt } = await import("/static/ui/receipt.js");
  const { parsePolicy } = await import("/static/log/policy.js");
  const { fromBase64, utf8 } = await import("/static/ui/bytes.js");
  const policy = await parsePolicy(utf8(policyText));
  const verdicts = [];
  for (const text of texts) {
    const { verdict } = await checkReceipt(fromBase64(text), { policy });
    verdicts.push(verdict === "good");
  }
  return verdicts;
}"""
QUICK = settings(
    max_examples=12, deadline=None, phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
ODD = st.sampled_from(
    [0, 1, 2, 3, 4, -1, 2**32 - 1, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1, b"", bytes(16),
     bytes(31), bytes(32), bytes(64), "", "gw-1", "-gw", "GW", "g" * 33, "length", [], {}, None,
     True, [1], {0: 1}]
)  # fmt: skip


def python_believes(text: bytes, policy: bytes) -> bool:
    try:
        open_receipt(text, parse_policy(policy))
    except (LedgerError, DecodeError, VerifyError):
        return False
    return True


def agree(server: WebServer, page: Page, texts: list[bytes]) -> list[bool]:
    """What both say of each; fails where they differ."""
    if not page.url.startswith(f"{server.url}/fleet"):  # the page of the example before is as good
        page.goto(f"{server.url}/fleet")  # the words of faults need the page's import map
    policy = server.fleet.policy_file.read_bytes()
    told = page.evaluate(CHECK, [[base64.b64encode(t).decode() for t in texts], policy.decode()])
    ours = [python_believes(text, policy) for text in texts]
    pairs = zip(texts, ours, told, strict=True)
    assert [(text, mine, theirs) for text, mine, theirs in pairs if mine != theirs] == []
    return ours


def signed(fleet: FakeFleet, payload: list[object], salt: bytes, body: bytes) -> bytes:
    """The receipt of a statement that the gateway did sign and the log does hold."""
    vehicle = fleet.vehicles["trike-1"]
    data = cbor.encode(payload)
    seal = vehicle.gateway_key.sign(cose.sign1_message(cose.EDDSA, statement.AAD, data))
    sign1 = cose.assemble(cose.EDDSA, data, seal)
    entry = Entry(fleet.log(sign1), vehicle.entries[0].record, sign1, salt, body)
    return fleet.receipt(vehicle, entry).encode()


def parts_of(fleet: FakeFleet) -> tuple[list[Any], bytes, bytes]:
    entry = fleet.vehicles["trike-1"].entries[0]
    payload, _ = cose.split(entry.statement, cose.EDDSA, "statement")
    fields = cbor.decode(payload)
    assert isinstance(fields, list)
    return fields, entry.salt, entry.body


@QUICK
@given(st.lists(st.tuples(st.integers(0, 6), ODD), min_size=10, max_size=20))
def test_signed_statements_with_odd_fields(
    server: WebServer, page: Page, changes: list[tuple[int, object]]
) -> None:
    fields, salt, body = parts_of(server.fleet)
    texts = [signed(server.fleet, fields, salt, body)]
    for place, value in changes:
        odd = copy.copy(fields)
        odd[place] = value
        texts.append(signed(server.fleet, odd, salt, body))
    second = [2, *fields[1:], 2, 30]
    texts.append(signed(server.fleet, second, salt, body))
    for place, value in changes:
        odd = copy.copy(second)
        odd[place + 2] = value
        texts.append(signed(server.fleet, odd, salt, body))
    for time, clock in ((0, 0), (9, 0), (0, 1), (9, 3), (9, 4)):
        odd = [*second[:4], time, *second[5:7], clock, 0xFFFFFFFF]
        texts.append(signed(server.fleet, odd, salt, body))
    texts.append(signed(server.fleet, [*fields, 0], salt, body))
    texts.append(signed(server.fleet, fields[:-1], salt, body))
    ours = agree(server, page, texts)
    assert ours[0] and ours[len(changes) + 1]
    assert ours[-7:-2] == [True, False, False, True, False]
    assert not any(ours[-2:])


@QUICK
@given(st.lists(ODD | st.lists(ODD, max_size=3), min_size=10, max_size=20))
def test_signed_statements_with_odd_bodies(
    server: WebServer, page: Page, bodies: list[object]
) -> None:
    fields, salt, body = parts_of(server.fleet)
    (boot,) = cbor.decode(body)  # type: ignore[misc]
    cases = [[boot], [boot] * 64, [boot] * 65, [], [boot, b"no record"], *bodies]
    texts = []
    for kind in (statement.RECORDS, statement.GATEWAY):
        for case in cases:
            data = cbor.encode(case)  # type: ignore[arg-type]
            payload = [*fields[:5], kind, statement.commit(salt, data)]
            texts.append(signed(server.fleet, payload, salt, data))
    ours = agree(server, page, texts)
    assert ours[:5] == [True, True, False, False, True]


@QUICK
@given(st.integers(0, 1 << 32))
def test_receipts_that_were_changed_on_the_way(server: WebServer, page: Page, seed: int) -> None:
    chance = random.Random(seed)
    vehicle = server.fleet.vehicles["trike-1"]
    text = server.fleet.receipt(vehicle, vehicle.entries[0])
    lines = text.split("\n")
    extra = cbor.decode(base64.b64decode(lines[1].removeprefix("extra ")))
    assert isinstance(extra, list)
    texts = [text.encode()]
    for _ in range(20):
        at = chance.randrange(len(text.encode()))
        data = bytearray(text.encode())
        data[at] = chance.choice(b"ABCDEFabcdef0123456789+/=\n -")
        texts.append(bytes(data))
        odd = copy.copy(extra)
        place = chance.randrange(len(odd))
        odd[place] = chance.choice([0, 1, 2, b"", bytes(16), bytes(32), "x", None, [], odd[1]])
        lines[1] = "extra " + base64.b64encode(cbor.encode(odd)).decode()
        texts.append("\n".join(lines).encode())
    assert agree(server, page, texts)[0]
