"""The configuration file: strict, and every fault names its key."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_backend.fleet.errors import SettingsError
from fleet_backend.ingest.adapters import open_adapter
from fleet_backend.ingest.mqtt import parse_topic
from fleet_backend.ingest.settings import (
    IngestSettings,
    LedgerProgramSettings,
    load_ledger_settings,
    load_settings,
)
from trifleet.layout import Settings, write_toml


def _good() -> Settings:
    return {
        "database": "sqlite:///f.db",
        "ack_key": "ack.key",
        "mqtt": {"host": "127.0.0.1", "port": 1883, "user": "ingest", "password_file": "p"},
        "ledger": {"directory": "ledger", "origin": "fleet.example/log", "key_file": "log.key"},
    }


def _load(folder: Path, values: Settings) -> IngestSettings:
    path = folder / "ingest.toml"
    write_toml(path, values)
    return load_settings(path)


def test_settings_are_read_with_their_defaults(tmp_path: Path) -> None:
    found = _load(tmp_path, {**_good(), "worker": {"batch_messages": 50}})
    assert found.mqtt is not None
    assert found.mqtt.port == 1883
    assert found.ledger.integrate_s == 0.1
    assert found.worker.batch_messages == 50
    assert _load(tmp_path, _good()).worker.batch_messages == 500


def test_relative_paths_begin_at_the_file(tmp_path: Path) -> None:
    found = _load(tmp_path, _good())
    assert found.ack_key == tmp_path / "ack.key"
    assert found.ledger.directory == tmp_path / "ledger"


@pytest.mark.parametrize("key", ["database", "ack_key"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    values = _good()
    del values[key]
    with pytest.raises(SettingsError, match=f"key '{key}' is missing"):
        _load(tmp_path, values)


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("mqtt", "port", 0),
        ("mqtt", "port", "1883"),
        ("mqtt", "port", True),
        ("mqtt", "host", ""),
        ("mqtt", "passwd", "x"),
        ("ledger", "integrate_s", 60),
        ("ledger", "integrate_s", "soon"),
        ("ledger", "directory", 1),
        ("worker", "batch_messages", 0),
        ("worker", "gather_s", -1),
        ("worker", "quarantine", 1),
        ("worker", "threads", 17),
        ("worker", "notes", 5),
        ("worker", "poison", 3),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, table: str, key: str, value: str | int) -> None:
    values = _good()
    given = values.get(table, {})
    assert isinstance(given, dict)
    values[table] = {**given, key: value}
    with pytest.raises(SettingsError, match=f"key '{table}.{key}'"):
        _load(tmp_path, values)


@pytest.mark.parametrize("tables", [(), ("mqtt", "amqp")], ids=["none", "both"])
def test_the_broker_is_named_once(tmp_path: Path, tables: tuple[str, ...]) -> None:
    broker = {"host": "127.0.0.1", "port": 1883, "user": "ingest", "password_file": "p"}
    values = {**{key: value for key, value in _good().items() if key != "mqtt"}}
    found = _load(tmp_path, {**values, **dict.fromkeys(tables, broker)})
    with pytest.raises(SettingsError, match=r"either a table \[mqtt\] or a table \[amqp\]"):
        open_adapter(found.mqtt, found.amqp)


def test_a_worker_by_amqp_is_set_up(tmp_path: Path) -> None:
    tls = {"ca_file": "ca.pem", "certificate_file": "c.pem", "private_key_file": "c.key"}
    values = {key: value for key, value in _good().items() if key != "mqtt"}
    amqp: Settings = {
        "host": "b.example",
        "port": 5671,
        "user": "ingest",
        "prefetch": 7,
        "tls": tls,
    }
    found = _load(tmp_path, {**values, "amqp": amqp, "worker": {"notes": "in-hand"}})
    assert found.amqp is not None
    assert (found.amqp.prefetch, found.amqp.queue) == (7, "trifleet.up")
    assert found.amqp.tls is not None
    assert found.amqp.tls.ca_file == tmp_path / "ca.pem"
    assert found.worker.notes == tmp_path / "in-hand"


_WRITER: dict[str, str | int] = {"origin": "fleet.example/log", "key_file": "log.key"}


def test_a_worker_alone_has_no_ledger_and_may_answer(tmp_path: Path) -> None:
    values = _good()
    del values["ledger"]
    assert _load(tmp_path, values).ledger is None
    answers = _load(tmp_path, {**values, "answers": {"policy": "p", "tiles_url": "s3://b/l"}})
    assert answers.answers is not None
    assert answers.answers.policy == tmp_path / "p"
    with pytest.raises(SettingsError, match="nothing to say in 'answers'"):
        _load(tmp_path, {**_good(), "answers": {"policy": "p", "public": "l"}})


@pytest.mark.parametrize("where", [{}, {"public": "l", "tiles_url": "s3://b/l"}])
def test_answers_come_from_one_place(tmp_path: Path, where: dict[str, str]) -> None:
    values = _good()
    del values["ledger"]
    with pytest.raises(SettingsError, match="public or tiles_url"):
        _load(tmp_path, {**values, "answers": {"policy": "p", **where}})


def _load_ledger(folder: Path, table: dict[str, str | int]) -> LedgerProgramSettings:
    path = folder / "ledger.toml"
    write_toml(path, {"database": "sqlite:///f.db", "ledger": table})
    return load_ledger_settings(path)


def test_the_ledgers_program_has_settings_of_its_own(tmp_path: Path) -> None:
    folder = _load_ledger(tmp_path, {**_WRITER, "directory": "ledger"})
    assert folder.ledger.directory == tmp_path / "ledger"
    shared = _load_ledger(tmp_path, {**_WRITER, "tiles_url": "s3://b/l"})
    assert (shared.ledger.directory, shared.ledger.lease.lease_s) == (None, 5.0)
    assert shared.ledger.key_files == [tmp_path / "log.key"]
    for where in ({}, {"directory": "l", "tiles_url": "s3://b/l"}):
        with pytest.raises(SettingsError, match="directory or tiles_url"):
            _load_ledger(tmp_path, {**_WRITER, **where})


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="key 'mqtt' must be a table"):
        _load(tmp_path, {**_good(), "mqtt": 5})


@pytest.mark.parametrize("content", [b"database =", b"\xff\xfe", b""])
def test_a_broken_file_gives_a_named_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ingest.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError):
        load_settings(path)


def test_a_missing_file_gives_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read"):
        load_settings(tmp_path / "absent.toml")


@given(st.text(max_size=60))
def test_any_topic_is_a_gateways_or_none(topic: str) -> None:
    found = parse_topic(topic, b"")
    assert found is None or topic == f"tf/1/{found.gateway}/{found.name}"


@pytest.mark.parametrize(
    ("topic", "gateway"),
    [
        ("tf/1/gw-1/up/statement", "gw-1"),
        ("tf/2/gw-1/up/statement", None),
        ("tf/1/GW/up/statement", None),
        ("tf/1/gw-1", None),
    ],
)
def test_topics_name_their_gateway(topic: str, gateway: str | None) -> None:
    found = parse_topic(topic, b"")
    assert (found and found.gateway) == gateway
