"""The state diagram in docs/firmware.md is the table in vcu/lock.py."""

from pathlib import Path

from vcu.lock import TABLE

from protocol.lock import STATES

PAGE = Path(__file__).resolve().parents[2] / "docs/firmware.md"


def diagram():
    """The table as a Mermaid diagram; what leaves the state as it is, is left out."""
    lines = ["stateDiagram-v2", "    [*] --> LOCKED"]
    for (state, event), target in sorted(TABLE.items()):
        if target != state:
            lines.append(f"    {STATES[state]} --> {STATES[target]}: {event}")
    return "\n".join(lines)


def test_the_page_shows_the_table():
    assert f"```mermaid\n{diagram()}\n```" in PAGE.read_text(encoding="utf-8"), diagram()
