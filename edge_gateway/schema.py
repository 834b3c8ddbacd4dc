"""The JSON Schema of gateway.toml (draft 2020-12), made from the tables that check it.

`python -m edge_gateway.schema` writes it, `--check` compares. What needs two keys at once, such as
two vehicles of one name, only the program checks.
"""

import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from edge_gateway import bus_settings, mqtt_settings, settings, tables
from edge_gateway.tables import Check
from edge_gateway.updates import settings as updates_settings

FILE = Path(__file__).parent / "gateway.schema.json"

# What an editor shows beside a key.
_WORDS = {
    "gateway": "Name of this gateway; its topics begin with it.",
    "key_file": "Its Ed25519 key, PEM, PKCS#8, readable by its owner alone.",
    "ack_public_key": "The key with which the backend signs acknowledgements, raw, in hex.",
    "outbox_file": "SQLite: statements until the backend holds them.",
    "checkpoints_file": "SQLite: what the gateway was shown of logs.",
    "vkey": "Verifier key of a log: name+id+base64.",
    "vehicle": "The vehicle on this bus.",
    "interface": "How the bus is reached.",
    "channel": "slcan: socket://host:port or /dev/...; socketcan: an interface; virtual: a name.",
    "acceptance_filter": "Set the adapter's filter (M and m), plain identifiers.",
    "reference": "What disciplines the clock of this computer.",
    "jump_s": "A leap of the clock from this many seconds on is told in the chain.",
    "root_file": "First root of the release repository; with it the gateway brings updates.",
    "folder": "What was fetched of releases.",
    "check_s": "Between two questions which releases are wanted.",
    "outbox_mb": "Bound of the outbox in MiB; telemetry is thinned near it.",
    "event_ms": "How long an event may wait for others to share its statement.",
    "telemetry_ms": "How long telemetry may wait for others to share its statement.",
}


def document() -> dict[str, object]:
    """The schema."""
    parts: dict[str, dict[str, object]] = {
        "log": _list(_table(settings.LOG_CHECKS, {}), 0, settings.MAX_LOG_KEYS),
        "bus": _list(
            _table(bus_settings.BUS_CHECKS, {"acceptance_filter": False}),
            1,
            bus_settings.MAX_BUSES,
        ),
        "mqtt": _table(mqtt_settings.CHECKS, mqtt_settings.NOTHING),
        "flush": _numbers(settings.FLUSH_MOST, settings.FlushSettings),
        "limits": _numbers(settings.LIMITS_MOST, settings.Limits),
        "clock": _table(settings.CLOCK_CHECKS, settings.CLOCK_DEFAULTS),
        "health": _table(settings.HEALTH_CHECKS, {"port": 0}),
        "updates": _table(updates_settings.CHECKS, updates_settings.DEFAULTS),
    }
    top = _table(settings.TOP_CHECKS, settings.OPTIONAL)
    properties = top["properties"]
    assert isinstance(properties, dict)
    for name, part in parts.items():
        properties[name] = part
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gateway.toml of a Trifleet edge gateway",
        **top,
    }


def _table(
    checks: Mapping[str, Check], defaults: Mapping[str, object], optional: set[str] | None = None
) -> dict[str, object]:
    properties = {}
    for name, check in checks.items():
        shape: dict[str, object] = dict(tables.shape(check))
        if name in _WORDS:
            shape["description"] = _WORDS[name]
        if isinstance(defaults.get(name), str | int):
            shape["default"] = defaults[name]
        properties[name] = shape
    needed = [name for name in checks if name not in defaults and name not in (optional or ())]
    return {
        "type": "object",
        "additionalProperties": False,
        "required": needed,
        "properties": properties,
    }


def _numbers(most: Mapping[str, int], kind: type) -> dict[str, object]:
    return _table({name: tables.number(1, limit) for name, limit in most.items()}, _defaults(kind))


def _list(item: dict[str, object], least: int, most: int) -> dict[str, object]:
    return {"type": "array", "minItems": least, "maxItems": most, "items": item}


def _defaults(kind: type) -> dict[str, object]:
    return {
        field.name: field.default
        for field in dataclasses.fields(kind)
        if field.default is not dataclasses.MISSING
    }


def text() -> str:
    """The file as it is kept in git."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the file, or say in one line that it is not what the code says."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m edge_gateway.schema [--check]", file=sys.stderr)
        return 2
    wanted = text()
    if not arguments:
        FILE.write_text(wanted)
        return 0
    if FILE.is_file() and FILE.read_text() == wanted:
        return 0
    print(f"{FILE.name} is stale: run python -m edge_gateway.schema", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
