"""Where a key stands in a TOML text, so that a message can name the line."""

from __future__ import annotations

import re

_TABLE = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))\s*(=|\.)""")


def line_of(text: str, key: str) -> int:
    """Of "name" or "table.name": its own line, else that of its table, else 1. Knows the plain
    form of TOML that boards are written in: one key a line below its [table]."""
    table, _, name = key.rpartition(".")
    best, now = 1, ""
    for number, line in enumerate(text.splitlines(), 1):
        header = _TABLE.match(line)
        if header is not None:
            now = header.group(1)
            if now == (table or name):
                best = number
            continue
        found = _KEY.match(line)
        if found is not None and now == table and name in found.groups()[:3]:
            return number
    return best
