"""Every figure of a fleet's load beside its limit: one command, one table; JSON with `--json`.

    python -m tests.bench scale                          (about twelve minutes on two cores)
    python -m tests.bench.bench_scale [--quick] [--json] [PART ...]

Each part is a measurement of its own in this folder, run as a process of its own one after the
other; everything is on one machine, durable, with TLS and real signatures. `--quick` (three to five
minutes) shows that all of it runs; its figures are of short runs and a small fleet. The status is 1
where a figure is over its limit.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.bench import scale_table
from tests.bench.scale_table import OVER, Line

Found = list[dict[str, Any]]


@dataclass(frozen=True)
class Part:
    """A measurement: its module, its words in full and quick, and what its output means."""

    module: str
    full: tuple[str, ...]
    quick: tuple[str, ...]
    read: Callable[[Found], Iterable[Line]]


PARTS: Mapping[str, Part] = {
    "ingest": Part(
        "bench_ingest", (), ("--statements=5000",), lambda found: scale_table.of_ingest(found[0])
    ),
    "gateway": Part(
        "bench_gateway",
        ("--no-outbox",),
        ("--no-outbox", "--seconds=5"),
        lambda found: scale_table.of_gateway(found[0]),
    ),
    "telemetry": Part(
        "bench_telemetry",
        (),
        ("--vehicles=1000", "--every=14400", "--busy=1"),
        lambda found: scale_table.of_telemetry(found[0]),
    ),
    "rate": Part(
        "bench_load",
        ("--seconds=40", "rate"),
        ("--seconds=10", "--share=0.1", "rate"),
        lambda found: scale_table.of_rate(found[0], found[0]["vehicles"]),
    ),
    "idle": Part(
        "bench_load",
        ("--seconds=10", "idle"),
        ("--seconds=5", "--share=0.02", "idle"),
        lambda found: scale_table.of_idle(found[0]),
    ),
    "curve": Part(
        "bench_load",
        ("--seconds=20", "curve"),
        ("--seconds=5", "--share=0.01", "curve"),
        scale_table.of_curve,
    ),
}


def run(name: str, *, quick: bool) -> tuple[list[Line], Found]:
    """One part to its end. Raises SystemExit where it fails: there is no figure then."""
    part = PARTS[name]
    words = part.quick if quick else part.full
    command = [sys.executable, "-m", f"tests.bench.{part.module}", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr or done.stdout}")
    found = documents(done.stdout)
    return list(part.read(found)), found


def documents(text: str) -> Found:
    """The JSON documents of an output, one after the other."""
    decoder, found = json.JSONDecoder(), []
    text = text.strip()
    while text:
        one, end = decoder.raw_decode(text)
        found.append(one)
        text = text[end:].strip()
    return found


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    asked = parser.parse_args()
    if unknown := set(asked.parts) - PARTS.keys():
        parser.error(f"no part {', '.join(sorted(unknown))}: {', '.join(PARTS)}")
    lines: list[Line] = []
    raw: dict[str, Found] = {}
    for name in asked.parts or PARTS:
        started = time.monotonic()
        more, raw[name] = run(name, quick=asked.quick)
        lines += more
        tell(f"{name}: {time.monotonic() - started:.0f} s")
    if asked.json:
        table = [one.as_json() for one in lines]
        print(json.dumps({"bench": "scale", "quick": asked.quick, "table": table, "raw": raw}))
    else:
        print(scale_table.as_text(lines))
    return int(any(one.verdict == OVER for one in lines))


if __name__ == "__main__":
    sys.exit(main())
