"""Keys and certificates are changed in a running stack, whose gateways go on reporting."""

import json
import subprocess
import sys

import pytest
from running import RunningStack

WAIT_S = 60.0


def trifleet(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "trifleet.cli", *words],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def newest_seq(stack: RunningStack) -> int:
    """Of the first gateway, at the backend."""
    found = stack.operator("/v1/fleet/statements?limit=50")
    return max(item["gateway_seq"] for item in found["items"] if item["gateway"] == "gw-1")


def goes_on(stack: RunningStack, after: int) -> None:
    stack.wait_for(lambda: newest_seq(stack) > after, f"a statement after {after}", WAIT_S)


@pytest.mark.faults
def test_a_statement_key_and_the_authority_are_changed_while_everything_runs(
    stack: RunningStack,
) -> None:
    data = ("--data", str(stack.layout.root))
    config = stack.layout.gateway("gw-1") / "gateway.toml"
    before = newest_seq(stack)
    trifleet("gateway", "rotate-key", "--config", str(config))
    goes_on(stack, before + 3)
    first, second = map(
        json.loads, trifleet("gateway", "keys", "gw-1", "--json", *data).splitlines()
    )
    assert first["first_seq"] == 0 and newest_seq(stack) >= second["first_seq"]
    for step in ("begin", "switch", "finish"):
        trifleet("certificates", "rotate-authority", step, *data)
        goes_on(stack, newest_seq(stack))
    assert "authority 2 signs, and no other" in trifleet(
        "certificates", "rotate-authority", "status", *data
    )
    refused = stack.operator("/v1/fleet/refusals")["items"]
    assert not [item for item in refused if "statement" in str(item) or "sighting" in str(item)]
