"""The state diagrams in docs/safety.md are the tables in vcu/safety.py."""

from pathlib import Path

from vcu import safety

from protocol import lock, texts

PAGE = Path(__file__).resolve().parents[2] / "docs/safety.md"
MODE_NAMES = {safety.LIMP: "LIMP", safety.NORMAL: "NORMAL"}


def diagram(table, names, events, first):
    """A table as a Mermaid diagram; what leaves the state as it is, is left out."""
    lines = ["stateDiagram-v2", f"    [*] --> {first}"]
    said = [(state, events[event], target) for (state, event), target in table.items()]
    for state, event, target in sorted(said):
        if target != state:
            lines.append(f"    {names[state]} --> {names[target]}: {event}")
    return "\n".join(lines)


def test_the_page_shows_the_lock():
    drawn = diagram(safety.TABLE, safety.STATES, safety.EVENTS, "LOCKED")
    assert f"```mermaid\n{drawn}\n```" in PAGE.read_text(encoding="utf-8"), drawn


def test_the_page_shows_the_mode():
    drawn = diagram(safety.MODES, MODE_NAMES, safety.MODE_EVENTS, "NORMAL")
    assert f"```mermaid\n{drawn}\n```" in PAGE.read_text(encoding="utf-8"), drawn


def test_the_page_has_a_row_for_every_reason_and_warning():
    page = PAGE.read_text(encoding="utf-8")
    for table, sentences in (
        (lock.DRIVE_REASONS, texts.DRIVE_REASONS),
        (lock.REASONS, texts.LOCK_REASONS),
        (lock.WARNINGS, texts.WARNINGS),
    ):
        for number, name in table.items():
            assert f"| {number} | `{name}` | {sentences[number]} |" in page, name
