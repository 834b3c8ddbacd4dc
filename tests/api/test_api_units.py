"""The small pure parts, and the documents that are generated."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_backend.api import cursors, encoding, openapi, problems, refusals
from fleet_backend.api.buckets import MAX_CLIENTS, Buckets
from fleet_backend.api.errors import ApiError, BadValueError
from fleet_backend.api.settings import load_settings
from fleet_backend.fleet.errors import SettingsError
from protocol import refusal

GOOD = {
    "database_url": '"sqlite:////x/fleet.db"',
    "operator_token": '"operator.token"',
    "ledger_public": '"ledger/public"',
    "ledger_policy": '"ledger/policy.txt"',
    "mqtt_host": '"127.0.0.1"',
    "mqtt_port": "1883",
    "mqtt_password": '"/abs/mqtt.password"',
}


def write(folder: Path, **changes: str | None) -> Path:
    path = folder / "api.toml"
    values = {**GOOD, **changes}
    path.write_text("".join(f"{k} = {v}\n" for k, v in values.items() if v is not None))
    return path


def test_relative_paths_begin_at_the_settings_file(tmp_path: Path) -> None:
    loaded = load_settings(write(tmp_path))
    assert loaded.operator_token == tmp_path / "operator.token"
    assert str(loaded.mqtt_password) == "/abs/mqtt.password"
    assert (loaded.command_ttl_s, loaded.heartbeat_s) == (60, 10)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"mqtt_port": None}, "key 'mqtt_port' is missing"),
        ({"issuing_key": '"x"'}, "key 'issuing_key' is unknown"),
        ({"mqtt_port": '"x"'}, "'mqtt_port' must be a whole number"),
        ({"mqtt_port": "0"}, "'mqtt_port' must be a whole number from 1 to 65535"),
        ({"mqtt_host": '""'}, "'mqtt_host' must be a line of text"),
        ({"poll_ms": "0"}, "'poll_ms' must be a whole number from 1 to"),
        ({"max_streams": "2147483648"}, "'max_streams' must be a whole number from 1 to"),
        ({"mqtt_host": "["}, r"api\.toml"),
        ({"ledger_public": None}, "ledger_public or ledger_url"),
        ({"ledger_url": '"file:///log"'}, "ledger_public or ledger_url"),
    ],
)
def test_settings_name_what_is_wrong(
    tmp_path: Path, changes: dict[str, str | None], word: str
) -> None:
    with pytest.raises(SettingsError, match=word):
        load_settings(write(tmp_path, **changes))


@given(st.binary(max_size=300))
def test_base64url_has_one_spelling(data: bytes) -> None:
    text = encoding.to_b64u(data)
    assert encoding.from_b64u(text, "x") == data
    for other in (text + "=", text + "\n", " " + text, text.replace("-", "+") + "+"):
        with pytest.raises(BadValueError):
            encoding.from_b64u(other, "x")


@given(st.text(max_size=80))
def test_any_text_is_a_value_or_a_named_error(text: str) -> None:
    for read in (
        lambda: encoding.from_b64u(text, "x"),
        lambda: encoding.from_hex(text, "x", 32),
        lambda: cursors.number(text),
        lambda: cursors.pair(text),
        lambda: cursors.name(text),
    ):
        try:
            read()
        except ApiError as error:
            assert isinstance(error, BadValueError)


def test_hex_has_one_spelling() -> None:
    assert encoding.from_hex("0a" * 32, "x", 32) == b"\n" * 32
    for text in ("0A" * 32, "0a" * 31, " " + "0a" * 32, "zz" * 32):
        with pytest.raises(BadValueError):
            encoding.from_hex(text, "x", 32)


def test_a_bucket_lets_a_burst_pass_and_then_the_rate() -> None:
    buckets = Buckets(burst=3, per_minute=60)
    assert [buckets.take("a", 0.0) for _ in range(4)] == [0, 0, 0, 1]
    assert buckets.take("b", 0.0) == 0
    assert buckets.take("a", 1.0) == 0
    assert buckets.take("a", 1.0) == 1
    assert buckets.take("a", 0.0) == 1  # a clock that goes back gives nothing


def test_buckets_of_many_clients_are_bounded() -> None:
    buckets = Buckets(burst=1, per_minute=1)
    for number in range(MAX_CLIENTS + 5):
        buckets.take(str(number), 0.0)
    assert len(buckets._clients) == MAX_CLIENTS


def test_every_refusal_code_has_words() -> None:
    assert set(refusals.TEXTS) == set(refusal.NAMES)
    assert refusals.describe(99).name == "UNKNOWN"


def test_every_error_of_the_api_has_its_place_in_the_table() -> None:
    for kind in ApiError.__subclasses__():
        assert kind in problems.TABLE, kind
    names = [kind.name for kind in problems.TABLE.values()]
    doubled = {name for name in names if names.count(name) > 1}
    # The same to a client, whether the API or the fleet's tables say so.
    assert doubled == {"not-found", "not-logged-yet", "database"}


def test_the_openapi_file_is_what_the_code_says() -> None:
    assert openapi.FILE.read_text() == openapi.text()


def test_drift_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert openapi.main(["--check"]) == 0
    monkeypatch.setattr(openapi, "FILE", tmp_path / "openapi.json")
    assert openapi.main(["--check"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert openapi.main([]) == 0 and openapi.main(["--check"]) == 0
    assert openapi.main(["--what"]) == 2
