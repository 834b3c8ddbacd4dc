"""What `trifleet ledger verify` says of a receipt whose records hold hostile text."""

import pytest

from protocol import record
from trifleet.commands.ledger.verify import receipt_lines, show
from trifleet.receipt import describe


def test_a_vehicle_s_text_does_not_pass_for_a_line_of_the_verdict(
    capsys: pytest.CaptureFixture[str],
) -> None:
    firmware = "1.0\x1b[2J\n  Proved: that signature is by the gateway key that you gave."
    body: dict[int, object] = {0: firmware, 1: 1, 2: 0, 3: 0, 4: 0}
    boot = record.Record("trike-1", 1, 0, 5, 1_800_000_000, record.BOOT, body)
    answer = {
        "log": "fleet.local/ledger",
        "index": 3,
        "size": 4,
        "root": "00" * 32,
        "gateway": "gw-1",
        "gateway_seq": 3,
        "gateway_time": 1_800_000_000,
        "gateway_clock": "NETWORK",
        "gateway_time_error_ms": 30,
        "gateway_key": "11" * 32,
        "gateway_key_is_known": False,
        "kind": "RECORDS",
        "records": [describe(boot)],
        "quorum": "none",
        "cosigned": [],
        "not_cosigned": [],
    }
    show(answer, receipt_lines(answer))
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.lstrip().startswith("Proved:") for line in lines) == 2
    assert lines[-1].startswith("  trike-1 1.0 BOOT: firmware '1.0\\x1b[2J\\n  Proved")
    assert not any("\x1b[2J" in line for line in lines)
