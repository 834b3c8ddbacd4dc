"""Arbitrary bodies, headers and paths: an answer with a name, never a fault of the server."""

import json
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet_backend.api.encoding import to_b64u
from protocol import cbor
from tests.api.api_stand import ApiStand, Client
from tests.issuer.stand import VEHICLE

PATHS = ("/v1/riders", "/v1/grants", f"/v1/vehicles/{VEHICLE}/commands")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
MEMBERS = ("public_key", "proof", "rider", "request", "presentation")
CBOR = st.recursive(
    st.binary(max_size=300) | st.integers(-(2**63), 2**63) | st.none(),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.integers(0, 9), inner, max_size=5)
    ),
    max_leaves=12,
)
relaxed = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def dumps(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


@relaxed
@given(path=st.sampled_from(PATHS), value=JSON)
def test_arbitrary_json(client: Client, path: str, value: Any) -> None:
    answer = client.post(path, content=dumps(value), headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500


@relaxed
@given(path=st.sampled_from(PATHS), body=st.binary(max_size=400))
def test_arbitrary_bytes(client: Client, path: str, body: bytes) -> None:
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500


@relaxed
@given(
    path=st.sampled_from(PATHS),
    value=st.fixed_dictionaries({}, optional=dict.fromkeys(MEMBERS, CBOR)),
)
def test_well_spelt_nonsense(client: Client, path: str, value: dict[str, Any]) -> None:
    body = {name: to_b64u(cbor.encode(item)) for name, item in value.items()}
    assert 400 <= client.post(path, json=body).status_code < 500


@relaxed
@given(at=st.integers(0, 4000), change=st.integers(1, 255))
def test_a_changed_presentation_is_passed_on_or_refused(
    stand: ApiStand, client: Client, at: int, change: int
) -> None:
    data = bytearray(stand.present())
    data[at % len(data)] ^= change
    stand.now += 1  # so that the queue of this vehicle is never full: see below
    assert client.command(bytes(data)).status_code in (202, 400, 409, 429)


@relaxed
@given(path=st.text(max_size=60), query=st.text(max_size=30))
def test_arbitrary_paths(client: Client, path: str, query: str) -> None:
    safe = quote(path.encode("utf-8", "surrogatepass")), quote(query.encode("utf-8", "replace"))
    for prefix in ("/", "/v1/vehicles/", "/v1/commands/", "/v1/fleet/", "/ledger/", "/problems/"):
        answer = client.get(f"{prefix}{safe[0]}?cursor={safe[1]}&limit={safe[1]}")
        assert answer.status_code in (200, 400, 401, 404, 405, 422)


@relaxed
@given(value=st.text(alphabet=st.characters(codec="latin-1", exclude_categories=("Cc",))))
def test_arbitrary_headers(client: Client, value: str) -> None:
    raw = value.strip().encode("latin-1")
    for name in ("Idempotency-Key", "Authorization", "Last-Event-ID", "Content-Type"):
        sent = client.get("/v1/fleet/stream", headers={name: raw})
        assert sent.status_code in (400, 401, 422)
        posted = client.post("/v1/grants", content=b"{}", headers={name: raw})
        assert 400 <= posted.status_code < 500
