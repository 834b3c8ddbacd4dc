"""`trifleet gateway check`: every fault at once, by key; the schema says what the program says."""

import copy
import json
import os
import re
import socket
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from gateway_stand import change, write_gateway
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_gateway import checkup, schema
from edge_gateway.checkup import Finding, State, examine
from edge_gateway.errors import SettingsError
from edge_gateway.settings import load, read


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = write_gateway(tmp_path, 1, 1, "ab" * 32, outbox_mb=1)[0]
    os.chmod(tmp_path / "gateway.key", 0o600)
    (tmp_path / "mqtt.password").write_text("x")
    os.chmod(tmp_path / "mqtt.password", 0o600)
    return file


def faults(file: Path) -> list[Finding]:
    return [one for one in examine(file) if one.state is State.FAULT]


def test_a_good_configuration_has_no_fault_and_absent_partners_are_notes(config: Path) -> None:
    assert faults(config) == []
    notes = {one.key for one in examine(config) if one.state is State.NOTE}
    assert {"bus.trike-7", "mqtt.host"} <= notes


def test_every_fault_of_the_file_is_told_and_not_the_first_alone(config: Path) -> None:
    change(config, 'gateway = "gw-7"', 'gateway = "GW"\ngatewya = 1')
    change(config, 'vehicle = "trike-7"', 'vehicle = "a/b"')
    change(config, 'interface = "slcan"', 'interface = "pcan"')
    change(config, "port = 1", 'port = "1"')
    change(config, "event_ms = 50", "evnt_ms = 50\ntelemetry_m = 3")
    change(config, "first_resend_s = 1", "first_resend_s = 0")
    config.write_text(config.read_text() + '[clock]\nreference = "sun"\n[health]\nport = 70000\n')
    found = {one.key: one.words for one in faults(config)}
    assert set(found) == {
        "gateway",
        "gatewya",
        "bus.vehicle",
        "bus.interface",
        "mqtt.port",
        "flush.evnt_ms",
        "flush.telemetry_m",
        "limits.first_resend_s",
        "clock.reference",
        "health.port",
    }
    assert "did you mean gateway?" in found["gatewya"]
    assert "did you mean telemetry_ms?" in found["flush.telemetry_m"]
    assert found["bus.interface"] == "slcan or socketcan or virtual"
    assert found["limits.first_resend_s"] == "an integer from 1 to 3600"
    with pytest.raises(SettingsError, match="and 9 more: trifleet gateway check"):
        load(config)


@pytest.mark.parametrize(
    ("second", "key"),
    [
        ('vehicle = "trike-7"\ninterface = "virtual"\nchannel = "x"', "bus.vehicle"),
        (
            'vehicle = "trike-8"\ninterface = "slcan"\nchannel = "socket://127.0.0.1:1"',
            "bus.channel",
        ),
    ],
)
def test_two_buses_share_nothing(config: Path, second: str, key: str) -> None:
    change(config, "[mqtt]", f"[[bus]]\n{second}\n[mqtt]")
    (fault,) = faults(config)
    assert fault.key == key and "twice" in fault.words


def test_files_that_are_named_are_looked_at(config: Path) -> None:
    folder = config.parent
    os.chmod(folder / "gateway.key", 0o640)
    (folder / "mqtt.password").unlink()
    change(config, 'outbox_file = "outbox.db"', 'outbox_file = "no/where/outbox.db"')
    config.write_text(config.read_text() + '[updates]\nroot_file = "no.root.json"\n')
    found = {one.key: one.words for one in faults(config)}
    assert set(found) == {"key_file", "mqtt.password_file", "outbox_file", "updates.root_file"}
    assert "0640" in found["key_file"] and "chmod 600" in found["key_file"]
    (folder / "gateway.key").write_text("-----BEGIN PRIVATE KEY-----\nsecret\n")
    words = {one.key: one.words for one in faults(config)}["key_file"]
    assert "Ed25519" in words and "secret" not in words


def test_the_disk_has_to_hold_what_the_outbox_may_take(config: Path) -> None:
    change(config, "outbox_mb = 1", "outbox_mb = 1048576")
    (fault,) = faults(config)
    assert fault.key == "limits.outbox_mb" and "are free" in fault.words


def test_buses_are_looked_for(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = config.parent / "net"
    for name, kind, flags in (("can0", "280", "0x1"), ("can1", "280", "0x0"), ("eth0", "1", "0x1")):
        (network / name).mkdir(parents=True)
        (network / name / "type").write_text(kind + "\n")
        (network / name / "flags").write_text(flags + "\n")
    monkeypatch.setattr(checkup, "_NETWORK", network)
    told = {}
    for name in ("can0", "can1", "eth0", "can7"):
        text = re.sub(r'interface = "\w+"\nchannel = "[^"]*"', "%s", config.read_text())
        other = config.with_name("other.toml")
        other.write_text(text % f'interface = "socketcan"\nchannel = "{name}"')
        told[name] = next(one for one in examine(other) if one.key == "bus.trike-7")
    assert [one.state for one in told.values()] == [State.GOOD, *[State.FAULT] * 3]
    assert "is down" in told["can1"].words and "no CAN" in told["eth0"].words
    assert "can0" in told["can7"].words


def test_serial_adapters_are_looked_for(config: Path) -> None:
    change(config, "socket://127.0.0.1:1", "/dev/does-not-exist")
    assert [one.key for one in faults(config)] == ["bus.trike-7"]
    change(config, "/dev/does-not-exist", "/dev/null")
    assert faults(config) == []
    change(config, "/dev/null", "/dev/../etc/passwd")
    assert [one.key for one in faults(config)] == ["bus.channel"]


def test_a_partner_that_answers_is_said_to(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        change(config, "port = 1\n", f"port = {server.getsockname()[1]}\n")
        assert next(one for one in examine(config) if one.key == "mqtt.host").state is State.GOOD


def test_the_command_ends_with_0_or_1_and_fits_a_screen(config: Path) -> None:
    def run(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "trifleet.cli", "gateway", "check", str(config), *more]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    good = run()
    assert good.returncode == 0 and "can run with this" in good.stdout
    assert len(good.stdout.splitlines()) < 24
    change(config, 'gateway = "gw-7"', 'gateway = "GW"')
    bad = run("--json")
    assert bad.returncode == 1
    assert [json.loads(line)["key"] for line in bad.stdout.splitlines()] == ["gateway"]


# --- the schema ---------------------------------------------------------------------------------
KINDS = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int,
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
}


def holds(shape: dict[str, Any], value: Any) -> bool:
    """What the schema uses of JSON Schema 2020-12, and an error for everything else."""
    known = {"$schema", "title", "description", "default", "required"}
    checks = {
        "type": lambda kind: KINDS[kind](value),
        "enum": lambda names: value in names,
        "pattern": lambda text: re.search(text, value) is not None,
        "minLength": lambda least: len(value) >= least,
        "minimum": lambda least: value >= least,
        "maximum": lambda most: value <= most,
        "minItems": lambda least: len(value) >= least,
        "maxItems": lambda most: len(value) <= most,
        "items": lambda item: all(holds(item, one) for one in value),
        "additionalProperties": lambda _: set(value) <= set(shape["properties"]),
        "properties": lambda all_: all(holds(all_[k], v) for k, v in value.items() if k in all_),
    }
    assert set(shape) <= known | set(checks)
    for word in ("type", *(set(shape) & set(checks) - {"type"})):
        if word in shape and not checks[word](shape[word]):
            return False
    return all(name in value for name in shape.get("required", ()))


GOOD: dict[str, Any] = {
    "gateway": "gw-7",
    "key_file": "k",
    "ack_public_key": "ab" * 32,
    "outbox_file": "o",
    "bus": [{"vehicle": "trike-7", "interface": "slcan", "channel": "socket://h:1"}],
    "mqtt": {"host": "127.0.0.1", "port": 1, "password_file": "p"},
    "flush": {"event_ms": 5},
    "limits": {"outbox_mb": 9},
    "clock": {"reference": "gnss", "jump_s": 3},
    "health": {"port": 0},
}
WITH_HOSTS = copy.deepcopy(GOOD)
WITH_HOSTS["mqtt"]["hosts"] = [WITH_HOSTS["mqtt"].pop("host"), "localhost:2"]
ODD = st.one_of(
    st.sampled_from([None, True, False, 0, 1, -1, 1 << 40, "", "x", "A", "gw-8", "slcan", [], {}]),
    st.integers(0, 100_000),
)


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    if not isinstance(value, dict | list):
        return found
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        found += paths(inner, (*at, key))
    return found


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_the_schema_says_what_the_program_says(data: st.DataObject) -> None:
    document = copy.deepcopy(data.draw(st.sampled_from([GOOD, WITH_HOSTS])))
    *way, last = data.draw(st.sampled_from(paths(document)))
    place: Any = document
    for key in way:
        place = place[key]
    what = data.draw(st.sampled_from(["change", "drop", "add"]))
    if what == "change":
        place[last] = data.draw(ODD)
    elif what == "drop":
        del place[last]
    elif isinstance(place, dict):
        place[data.draw(st.sampled_from(["x", "por", "gateways"]))] = 1
    try:
        read(Path("/nowhere/gateway.toml"), document)
        is_good = True
    except SettingsError as error:
        # What a channel has to be depends on the interface, and which credential is wanted on the
        # host: the program alone checks it.
        found = {fault.key for fault in error.faults}
        if found == {"bus.channel"} and "channel" not in way:
            return
        missing = found <= {"mqtt.host", "mqtt.password_file"} and what == "drop"
        if missing or all(fault.expected.startswith("loopback") for fault in error.faults):
            return
        is_good = False
    assert holds(schema.document(), document) == is_good, document


def test_the_schema_in_git_is_the_one_that_is_made_and_takes_a_real_file(config: Path) -> None:
    assert schema.main(["--check"]) == 0
    assert schema.main(["--chek"]) == 2
    kept = json.loads(schema.FILE.read_text())
    assert kept["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert holds(kept, tomllib.loads(config.read_text()))
    assert not stat.S_IMODE(schema.FILE.stat().st_mode) & 0o111
