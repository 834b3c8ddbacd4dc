"""What a check found: one line for people, one object for machines, and what to do about it."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Literal

State = Literal["ok", "warn", "fail"]
_LONGEST = 400


@dataclasses.dataclass(frozen=True)
class Finding:
    """`remedy` is empty where all is well. Nothing in it is secret or about a rider."""

    check: str
    state: State
    text: str
    remedy: str = ""

    def line(self) -> str:
        """For people: one line, however strange a file's name or an error's words are."""
        words = f"{self.state:<4}  {self.check:<12}  {self.text}"
        return printable(words + (f"  ->  {self.remedy}" if self.remedy else ""))

    def as_json(self) -> dict[str, str]:
        """For machines: check, state, text, remedy."""
        values = dataclasses.asdict(self)
        return {name: printable(str(value)) for name, value in values.items()}


Findings = Iterator[Finding]


def ok(check: str, text: str) -> Finding:
    return Finding(check, "ok", text)


def warn(check: str, text: str, remedy: str) -> Finding:
    return Finding(check, "warn", text, remedy)


def fail(check: str, text: str, remedy: str) -> Finding:
    return Finding(check, "fail", text, remedy)


def printable(text: str) -> str:
    """One line of characters that a terminal only shows."""
    flat = "".join(char if char.isprintable() else "?" for char in text)
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 3] + "..."


def exit_status(findings: Iterable[Finding]) -> int:
    """0 where nothing fails, else 1; warnings change nothing."""
    return int(any(one.state == "fail" for one in findings))
