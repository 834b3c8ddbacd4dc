"""docs/mechanic.md says what the commands are: each one exists with its options, in both languages,
and each exit code that a mechanic meets has its line among the symptoms."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from trifleet.cli import app
from workbench.exits import Exit

TEXT = (Path(__file__).resolve().parents[2] / "docs/mechanic.md").read_text(encoding="utf-8")
ENGLISH, FRENCH = TEXT.split("## Français\n")
IN_WORDS = re.compile(r"`(trifleet [^`]+)`")
IN_BLOCK = re.compile(r"^ *(trifleet (?:[^\n]*\\\n)*[^\n]*)$", re.MULTILINE)
ROW = re.compile(r"^\| (.*?) \| (\d*) \|", re.MULTILINE)


def commands(text: str) -> list[list[str]]:
    found = IN_WORDS.findall(text) + IN_BLOCK.findall(text)
    return [shlex.split(line.replace("\\\n", " "))[1:] for line in found]


def unknown(words: list[str]) -> str:
    """What of these words the program does not know; empty where it knows them all."""
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while hasattr(command, "commands"):
        name = rest.pop(0)
        if name not in command.commands:
            return name
        command = command.commands[name]
    options = {option for one in command.params for option in one.opts}
    return next((word for word in rest if word.startswith("--") and word not in options), "")


@pytest.mark.parametrize("text", [ENGLISH, FRENCH], ids=["en", "fr"])
def test_each_command_on_the_page_exists(text: str) -> None:
    found = commands(text)
    assert len(found) > 15
    assert {" ".join(words): unknown(words) for words in found if unknown(words)} == {}


def test_both_languages_say_the_same() -> None:
    def shape(text: str) -> list[tuple[str, list[str]]]:
        return [
            (words[0], [one for one in words if one.startswith("--")]) for words in commands(text)
        ]

    assert len(re.findall(r"^### ", ENGLISH, re.M)) == len(re.findall(r"^### ", FRENCH, re.M))
    assert [code for _, code in ROW.findall(ENGLISH)] == [code for _, code in ROW.findall(FRENCH)]
    # A code block is shown once; French asks some commands for French.
    only_french = {"--language"}
    for mine, theirs in zip(shape(ENGLISH), shape(FRENCH), strict=True):
        assert mine[0] == theirs[0] and set(mine[1]) == set(theirs[1]) - only_french


def test_each_exit_code_has_its_line() -> None:
    own = {int(code) for code in Exit if code >= Exit.NO_DEVICE}
    for text in (ENGLISH, FRENCH):
        assert {int(code) for _, code in ROW.findall(text) if code} == own


@pytest.mark.parametrize(
    ("line", "word"),
    [("bench fly", "fly"), ("bench flash --wings", "--wings"), ("bench can identify", "")],
)
def test_the_test_tells_them_apart(line: str, word: str) -> None:
    assert unknown(line.split()) == word
