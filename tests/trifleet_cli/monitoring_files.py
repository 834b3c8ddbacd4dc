"""Reads what deploy/monitoring/ holds: YAML of the plainest kind, and names in PromQL."""

import re
from typing import Any

_PLAIN = re.compile(r"[^\s&*!|>'\"%@`{\[#].*")


def read_yaml(text: str) -> Any:
    """Mappings, lists of them and plain scalars; refuses everything else that YAML can."""
    lines = [line.rstrip() for line in text.splitlines()]
    kept = [line for line in lines if line and not line.lstrip().startswith("#")]
    value, rest = _block(kept, 0)
    if rest:
        raise ValueError(f"not read: {rest[0]!r}")
    return value


def _block(lines: list[str], indent: int) -> tuple[Any, list[str]]:
    is_list = lines[0][indent:].startswith("- ")
    out: Any = [] if is_list else {}
    while lines and _indent(lines[0]) == indent and lines[0][indent:].startswith("- ") == is_list:
        if is_list:
            # The item's first line stands where its others do.
            lines = [" " * (indent + 2) + lines[0][indent + 2 :], *lines[1:]]
            if not re.match(r" *\w+:( |$)", lines[0]):
                out.append(_scalar(lines[0].strip()))
                lines = lines[1:]
                continue
            value, lines = _block(lines, indent + 2)
            out.append(value)
            continue
        key, _, value = lines[0].strip().partition(":")
        if not key.isidentifier() or key in out:
            raise ValueError(f"not a key, or there twice: {lines[0]!r}")
        lines = lines[1:]
        if value:
            if not value.startswith(" "):
                raise ValueError(f"no space after {key}:")
            out[key] = _scalar(value.strip())
        elif lines and _indent(lines[0]) > indent:
            out[key], lines = _block(lines, _indent(lines[0]))
        else:
            raise ValueError(f"{key} has no value")
    return out, lines


def _scalar(text: str) -> str:
    if not _PLAIN.fullmatch(text) or ": " in text or " #" in text:
        raise ValueError(f"not a plain scalar: {text!r}")
    return text


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


_KEYWORDS = {"by", "on", "ignoring", "without", "group_left", "group_right", "and", "or", "unless",
             "bool", "offset"}  # fmt: skip
_LABELS = re.compile(r"\b(?:by|on|ignoring|without|group_left|group_right)\s*\([^()]*\)")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def metrics_in(expression: str) -> set[str]:
    """Names of metrics in a PromQL expression: what is no string, label, range or function."""
    text = re.sub(r'"(?:\\.|[^"\\])*"', '""', expression)
    text = re.sub(r"\{[^{}]*\}", "", text)
    text = re.sub(r"\[[^\[\]]*\]", "", text)
    text = _LABELS.sub("", text)
    if text.count("(") != text.count(")") or re.search(r"[{}\[\]\"$]", text):
        raise ValueError(f"not read: {expression}")
    found = set()
    for match in _NAME.finditer(text):
        behind = text[match.end() :].lstrip()
        before = text[: match.start()]
        if behind.startswith("(") or match[0] in _KEYWORDS or re.search(r"[\d.]$", before):
            continue
        found.add(match[0])
    return found
