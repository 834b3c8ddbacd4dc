"""gateway.toml: what is read, and what each fault is called."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway_stand import write_gateway
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_gateway.bus_settings import socket_address
from edge_gateway.errors import SettingsError
from edge_gateway.settings import load
from fleet_backend.ledger.keys import log_vkey
from fleet_backend.ledger.note import COSIGNATURE, Verifier


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_gateway(tmp_path, 4000, 1883, "ab" * 32)[0]


def test_reads_everything(config: Path) -> None:
    settings = load(config)
    assert settings.gateway == settings.mqtt.username == "gw-7"
    (bus,) = settings.buses
    assert bus.vehicle == "trike-7" and bus.acceptance_filter
    assert settings.key_file == config.parent / "gateway.key"
    assert settings.ack_public_key == bytes.fromhex("ab" * 32)
    assert settings.flush.event_ms == 50
    assert settings.limits.statements_in_flight == 8
    assert settings.limits.first_resend_s == 1


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('gateway = "gw-7"', 'gateway = "GW"', "gateway"),
        ('gateway = "gw-7"', 'gateway = "-gw"', "gateway"),
        ('gateway = "gw-7"', "gateway = 7", "gateway"),
        ('gateway = "gw-7"', "", "gateway"),
        ('gateway = "gw-7"', 'gateway = "gw-7"\nextra = 1', "extra"),
        ('vehicle = "trike-7"', 'vehicle = "a/b"', "bus.vehicle"),
        ('vehicle = "trike-7"', 'vehicle = "trike-7"\ncolour = 1', "bus.colour"),
        ('interface = "slcan"', 'interface = "pcan"', "bus.interface"),
        ('interface = "slcan"', 'interface = "socketcan"', "bus.channel"),
        ("socket://127.0.0.1:4000", "tcp://127.0.0.1:4000", "bus.channel"),
        ("socket://127.0.0.1:4000", "socket://127.0.0.1:99999", "bus.channel"),
        ("acceptance_filter = true", "acceptance_filter = 1", "bus.acceptance_filter"),
        ("[[bus]]", "[bus]", "bus"),
        ("port = 1883", "port = 0", "mqtt.port"),
        ("port = 1883", "port = true", "mqtt.port"),
        ('host = "127.0.0.1"', 'host = ""', "mqtt.host"),
        ('password_file = "mqtt.password"', "", "mqtt.password_file"),
        ("event_ms = 50", "event_ms = 0", "flush.event_ms"),
        ("event_ms = 50", "event_ms = 1.5", "flush.event_ms"),
        ("event_ms = 50", "evnt_ms = 50", "flush.evnt_ms"),
        ("first_resend_s = 1", "records_per_statement = 65", "limits.records_per_statement"),
        ("ab" * 32, "ab" * 31, "ack_public_key"),
        ("ab" * 32, "zz" * 32, "ack_public_key"),
        ("[flush]", "[flush", "file"),
    ],
)
def test_each_fault_names_file_and_key(config: Path, old: str, new: str, key: str) -> None:
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new, 1))
    with pytest.raises(SettingsError) as caught:
        load(config)
    assert caught.value.key == key
    assert str(config) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="absent"):
        load(tmp_path / "absent.toml")


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_the_one_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(data)
    with pytest.raises(SettingsError):
        load(file)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_channel_gives_an_address_or_the_one_error(channel: str) -> None:
    try:
        host, port = socket_address(channel)
    except SettingsError:
        return
    assert host and 0 < port < 65536


def _vkey(origin: str = "log.example/fleet") -> str:
    return log_vkey(origin, Ed25519PrivateKey.generate())


def test_reads_the_logs_that_it_follows(tmp_path: Path) -> None:
    config, _ = write_gateway(tmp_path, 4000, 1883, "ab" * 32, [])
    assert load(config).logs == ()
    assert load(config).checkpoints_file == tmp_path / "checkpoints.db"
    # Two keys of one log, and another log.
    keys = [_vkey(), _vkey(), _vkey("other.example/log")]
    config, _ = write_gateway(tmp_path, 4000, 1883, "ab" * 32, keys, sighting_s=7)
    found = load(config)
    assert [key.vkey for key in found.logs] == keys
    assert (found.limits.sighting_s, found.limits.sighting_again_s) == (7, 300)


_KEY = _vkey()
_COSIGNER = Verifier("witness.example", COSIGNATURE, bytes(32)).vkey
_SAME = f'[[log]]\nvkey = "{_KEY}"\n'
BAD_LOGS = {
    "no-key": ("[[log]]\n", "log.vkey"),
    "not-a-key": ('[[log]]\nvkey = "log.example/fleet"\n', "log.vkey"),
    "cosigner": (f'[[log]]\nvkey = "{_COSIGNER}"\n', "log.vkey"),
    "long-name": (f'[[log]]\nvkey = "{_vkey("a" * 256)}"\n', "log.vkey"),
    "twice": (_SAME * 2, "log.vkey"),
    "unknown": (_SAME + "url = 1\n", "log.url"),
    "no-array": (f'[log]\nvkey = "{_KEY}"\n', "log"),
    "many": ("".join(f'[[log]]\nvkey = "{_vkey()}"\n' for _ in range(17)), "log"),
}


@pytest.mark.parametrize("name", BAD_LOGS)
def test_each_fault_of_a_log_is_named(config: Path, name: str) -> None:
    text, key = BAD_LOGS[name]
    config.write_text(config.read_text().replace("[mqtt]", text + "[mqtt]", 1))
    with pytest.raises(SettingsError) as caught:
        load(config)
    assert caught.value.key == key
