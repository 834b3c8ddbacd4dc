"""Log lines: one form for everybody, and nothing in them that must not be there."""

import base64
import io
import json
import logging
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.command_line import trifleet
from trifleet import logs
from trifleet.installation import found
from trifleet.layout import Layout
from trifleet.program_settings import ProgramSettings
from trifleet.scrubbing import GONE, is_secret_name, scrub, scrub_value, scrub_values
from trifleet.slots import Slot


class Said:
    """A logger whose lines are read back."""

    def __init__(self, form: str) -> None:
        self.stream = io.StringIO()
        self.log = logging.Logger("fleet_backend.ingest")
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(logs.formatter(form, "ingest"))
        self.log.addHandler(handler)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture(params=["text", "json"])
def said(request: pytest.FixtureRequest) -> Iterator[Said]:
    yield Said(request.param)


def test_json_has_the_values_as_keys() -> None:
    said = Said("json")
    said.log.warning("%d refused", 3, extra={"gateway": "gw-1", "seq": 7, "seconds": 0.25})
    line = said.objects()[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("timestamp"))
    assert line == {
        "level": "warning", "logger": "fleet_backend.ingest", "program": "ingest",
        "event": "3 refused", "gateway": "gw-1", "seq": 7, "seconds": 0.25,
    }  # fmt: skip


def test_words_are_one_line_with_the_values_behind() -> None:
    said = Said("text")
    said.log.info("stored %s", "it", extra={"seq": 7})
    pattern = (
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z INFO fleet_backend\.ingest: stored it seq=7\n"
    )
    assert re.fullmatch(pattern, said.text)


def test_a_trace_is_told_and_scrubbed(said: Said) -> None:
    token = secrets.token_urlsafe(32)
    try:
        raise ValueError(f"token {token}")
    except ValueError:
        said.log.exception("it failed")
    assert "Traceback" in said.text and "ValueError" in said.text
    assert token not in said.text and GONE in said.text


@settings(max_examples=50)
@given(st.text(), st.text())
def test_what_comes_from_outside_begins_no_line_of_its_own(event: str, value: str) -> None:
    for form in ("text", "json"):
        said = Said(form)
        said.log.info("%s", event, extra={"value": value})
        assert said.text.count("\n") == 1 and said.text.endswith("\n")
        assert len(said.text.splitlines()) == 1
        if form == "json":
            assert said.objects()[0]["level"] == "info"


BYTES = st.binary(min_size=32, max_size=32)
WORDS = st.sampled_from(
    ["key", "private key", "secret", "password", "token", "one-time code", "rider", "thumbprint"]
)
AROUND = st.text(st.characters(codec="ascii", exclude_characters="+/_=-"), max_size=20).map(
    lambda text: f" {text} "
)


@settings(max_examples=100)
@given(AROUND, WORDS, st.sampled_from([" ", ": ", "=", ", "]), BYTES, AROUND, st.integers(0, 3))
def test_thirty_two_bytes_beside_such_a_word_are_removed(
    before: str, word: str, between: str, data: bytes, after: str, form: int
) -> None:
    shown = [
        data.hex(),
        data.hex().upper(),
        base64.b64encode(data).decode(),
        base64.urlsafe_b64encode(data).decode().rstrip("="),
    ][form]
    for text in (f"{before}{word}{between}{shown}{after}", f"{before}{shown} {word}{after}"):
        assert shown not in scrub(text)
        assert scrub(scrub(text)) == scrub(text)


@settings(max_examples=50)
@given(st.integers(0, 10**16 - 1), st.sampled_from(["", " ", "-"]), AROUND)
def test_one_time_codes_are_removed(code: int, between: str, around: str) -> None:
    digits = f"{code:016}"
    shown = between.join(digits[at : at + 4] for at in range(0, 16, 4))
    assert shown not in scrub(f"{around}{shown}{around}")
    if code >= 10**15:
        assert scrub_value("count", code) == GONE


@settings(max_examples=50)
@given(st.floats(-90, 90), st.floats(-180, 180))
def test_places_are_removed(lat: float, lon: float) -> None:
    numbers = f"{lat:.6f}", f"{lon:.6f}"
    for text in (
        f"lat={numbers[0]} lon={numbers[1]}",
        f"at {numbers[0]}, {numbers[1]} now",
        f"latitude: {numbers[0]}",
        f"'lat_e7': {int(lat * 1e7)}, 'lon_e7': {int(lon * 1e7)}",
    ):
        out = scrub(text)
        assert all(one not in out for one in (*numbers, str(int(lat * 1e7) or numbers[0])))
    values = scrub_values({"lat_e7": 1, "position": (lat, lon), "body": {"lon": lon}})
    assert values == {"lat_e7": GONE, "position": GONE, "body": {"lon": GONE}}


def test_a_pem_block_is_removed_even_where_it_is_cut_off() -> None:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    secret = pem.splitlines()[1]
    for text in (pem, f"bad key {pem} behind", pem[: len(pem) // 2 + 20], pem.replace("\n", "\\n")):
        assert secret[:20] not in scrub(text), text
    assert scrub(f"a {pem} b") == f"a {GONE}\n b"


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("password: hunter2", "hunter2"),
        ("PASSWORD='hunter2'", "hunter2"),
        ('{"token": "abc.def"}', "abc.def"),
        ("Authorization: Bearer abcdefgh12345678", "abcdefgh12345678"),
        ("postgresql://fleet:hunter2@db/fleet", "hunter2"),
        ("amqp://guest:gu-est@host:5672/", "gu-est"),
        ("GET /v1/riders/" + "ab" * 32, "ab" * 32),
    ],
)
def test_what_is_assigned_to_such_a_word_is_removed(text: str, gone: str) -> None:
    assert gone not in scrub(text)


@pytest.mark.parametrize(
    "text",
    [
        "statement " + "ab" * 32 + " has a place",
        "key 'ledger.key_file' is missing: a path",
        "refused with code 7 (CHALLENGE)",
        "gateway gw-1: 1790000000 is 3.5 s ahead",
        "command 00112233445566778899aabbccddeeff: delivered",
        "https://witness.example/add-checkpoint: 503",
        "tile/8/0/x001/234 has 8192 bytes",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert scrub(text) == text


def test_names_of_values_that_are_removed_whatever_they_are() -> None:
    for name in ("password", "operator_token", "code", "codes", "rider", "holder", "lat", "pem"):
        assert is_secret_name(name), name
        assert scrub_value(name, 5) == GONE
    for name in (
        "refusal_code",
        "status_code",
        "gateway",
        "seq",
        "latency_s",
        "plat",
        "tokens_used",
    ):
        assert not is_secret_name(name), name
    assert scrub_value("ack_key", bytes(range(32))) == GONE
    assert scrub_value("hash", bytes(range(32))) == bytes(range(32)).hex()


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.integers()
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=50)
@given(st.dictionaries(st.text(), JSON_VALUES, max_size=4))
def test_whatever_a_line_holds_it_can_be_written(values: dict[str, Any]) -> None:
    json.dumps(scrub_values(values))


def test_what_is_nested_without_end_is_removed() -> None:
    deep: Any = "x"
    for _ in range(50):
        deep = [deep]
    assert GONE in json.dumps(scrub_value("value", deep))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["backend", "ingest", "--config", "x"], "ingest"),
        (["gateway", "--config", "x.toml"], "gateway"),
        (["run", "--vehicles", "2"], "run"),
        (["--log-format", "json", "backend", "api"], "api"),
        (["--log-format=json", "board", "virtual", "--config", "y"], "virtual"),
        ([], "trifleet"),
    ],
)
def test_a_program_has_the_name_of_its_subcommand(arguments: list[str], name: str) -> None:
    assert logs.program(arguments) == name


def test_a_form_that_does_not_exist_is_told(tmp_path: Path) -> None:
    for words in (("--log-format", "xml", "keys", "list"), ("--log-format", "", "keys", "list")):
        done = trifleet(*words, cwd=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "text or json" in done.stderr and done.stderr.startswith("trifleet: ")


# --- the programs themselves


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """Keys and settings of every program, and nobody to talk to."""
    layout = Layout(tmp_path_factory.mktemp("logs") / "data")
    found(layout, lambda *_: None)
    files = ProgramSettings(layout, 1)
    for name in ("ingest", "api"):
        path = layout.broker / f"{name}.password"
        path.parent.mkdir(exist_ok=True, mode=0o700)
        path.write_text(secrets.token_urlsafe(32) + "\n")
        path.chmod(0o600)
    files.ingest(), files.issuer(), files.api()
    gateway = layout.gateway("gw-1")
    gateway.mkdir(parents=True)
    (gateway / "gateway.key").write_bytes(layout.ack_key.read_bytes())
    (gateway / "mqtt.password").write_text(secrets.token_urlsafe(32) + "\n")
    files.gateway(Slot(1), 9)
    for path in gateway.iterdir():
        path.chmod(0o600)
    return layout


def secrets_of(layout: Layout) -> list[str]:
    """Every line of every secret file, as it could turn up anywhere."""
    out = []
    for path in layout.root.rglob("*"):
        if path.suffix in (".key", ".password", ".token"):
            out += [line for line in path.read_text().splitlines() if "-----" not in line]
    return out


PROGRAMS = {
    "ingest": ("backend", "ingest", "--config", "config/ingest.toml"),
    "issuer": ("backend", "issuer", "--config", "config/issuer.toml"),
    "api": ("backend", "api", "--config", "config/api.toml", "--port", "0"),
    "gateway": ("gateway", "--config", "gateways/gw-1/gateway.toml"),
}


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_starts_and_errors_of_a_program_show_no_secret(name: str, site: Layout) -> None:
    """As it is, with nobody to talk to; then with a secret where none belongs."""
    config = site.root / PROGRAMS[name][3 if name != "gateway" else 2]
    told = run_for_a_while(PROGRAMS[name], site.root) if name in ("ingest", "gateway") else ""
    for line in told.splitlines():
        if line.startswith("{"):
            assert {"timestamp", "level", "logger", "event", "program"} <= json.loads(line).keys()
    kept = config.read_text()
    stolen = site.ack_key.read_text().splitlines()[1]
    password = (site.broker / "api.password").read_text().strip()
    damages = [
        f'{stolen} = "{password}"\n{kept}',
        kept.replace('"', f'"{password}', 1),
        f'password = "{password}"\n{kept}',
        kept + f'\n{password}: "{stolen}"',
    ]
    for damage in damages[:3] if name == "ingest" else damages[:1]:
        config.write_text(damage)
        told += run_for_a_while(PROGRAMS[name], site.root, 60.0)
    config.write_text(kept)
    shown = [line for line in told.splitlines() if any(one in line for one in secrets_of(site))]
    assert told and shown == []


def run_for_a_while(words: tuple[str, ...], folder: Path, seconds: float = 5.0) -> str:
    """What it says within that time; then it is ended."""
    line = [sys.executable, "-m", "trifleet.cli", "--log-format", "json", *words]
    path = os.pathsep.join([str(Path(__file__).resolve().parents[2]), *sys.path])
    process = subprocess.Popen(
        line, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    try:
        out, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.terminate()
        out, _ = process.communicate(timeout=20)
    return out
