"""Reports say what was signed, in both languages, and show nothing else whatever a name holds."""

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import workorder
from protocol.errors import DecodeError
from tests.notary.documents import DIGEST, order
from workbench.report import facts, words
from workbench.report.facts import LOGGED, Report
from workbench.report.page import render
from workbench.selftest import MEANINGS

SIGNED = Report(order(), "workshop-1", 7, LOGGED, "log.example/fleet", 12)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: bytes) -> _Reader:
    reader = _Reader()
    reader.feed(page.decode())
    reader.close()
    return reader


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_a_page_says_all_of_it(language: str) -> None:
    page = read(render(SIGNED, language))
    for value in ("trike-9", "Ayşe Öztürk", "workshop-1, no. 7", DIGEST.hex(), "deadbeef"):
        assert value in page.text
    assert "500 kbit/s" in page.text and "2026-09-21 14:14:20 UTC" in page.text
    assert ("Entrée 12" if language == "fr" else "Entry 12") in page.text
    assert "script" not in page.tags
    for name, table in (("FAIL", words.RESULTS), ("not-done", words.SENTENCES)):
        broken = order(outcome=17, tests=[workorder.Step(3, "bolt", workorder.FAIL, 0, "")])
        text = read(render(Report(broken, "w", 0, facts.WAITING), language)).text
        assert words.say(table, name, language, n=17) in text


@settings(max_examples=40)
@given(st.text(max_size=80), st.text(max_size=40))
def test_whatever_a_name_holds_is_text(mechanic: str, unit: str) -> None:
    made = order(mechanic=mechanic, tests=[workorder.Step(1, unit or "x", 0, 1, unit)])
    try:
        made = workorder.decode(workorder.encode(made))
    except DecodeError:
        return  # nobody can sign that
    found = read(render(Report(made, "w", 0, facts.REFUSED), "fr"))
    assert found.tags == read(render(Report(order(tests=made.tests), "w", 0, "refused"), "fr")).tags
    assert mechanic in found.text


def test_both_languages_know_all_words() -> None:
    for table in (words.TITLES, words.SENTENCES, words.RESULTS, words.STEPS):
        for english, french in table.values():
            assert english and french
            assert [part for part in "nio" if f"{{{part}" in english] == [
                part for part in "nio" if f"{{{part}" in french
            ]
    assert set(MEANINGS) <= set(words.STEPS)
    assert set(workorder.RESULTS.values()) == set(words.RESULTS)
    assert {facts.WAITING, facts.ACCEPTED, facts.REFUSED, LOGGED} <= set(words.SENTENCES)
    assert facts.as_json(SIGNED)["entry"] == 12
