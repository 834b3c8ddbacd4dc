"""Work orders on a vehicle's page: asked for when opened, older ones on request, both languages."""

import pytest
from playwright.sync_api import expect
from test_web_fleet import open_fleet
from web_stand import Visitor, WebServer

from fleet_backend.api import models

STEPS = [
    {"number": 1, "name": "bus", "result": "PASS", "value": 4, "unit": "frames"},
    {"number": 2, "name": "panel", "result": "NOT_HERE", "value": None, "unit": ""},
    {"number": 3, "name": "bolt", "result": "FAIL", "value": 0, "unit": ""},
]


def work_order(seq: int, **changes: object) -> dict[str, object]:
    """As the API shows one: the model of the real one made it."""
    made = models.WorkOrder.model_validate(
        {
            "id": 100 - seq,
            "notary": "workshop-1",
            "seq": seq,
            "vehicle": "trike-1",
            "board": "weact-h743",
            "began": 1_790_000_000,
            "ended": 1_790_000_060,
            "release": "ab" * 32,
            "outcome": 0,
            "server_time": 1_790_000_100,
            "leaf_index": None,
            "mechanic": "Ayşe <b>Öztürk</b>",
            "tests": STEPS,
        }
        | changes
    )
    return made.model_dump()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("Done by Ayşe <b>Öztürk</b>, workshop workshop-1", "1 of 3 steps passed, 1 failed",
                "Not finished (code 17)", "the name was erased")),
        ("fr", ("Terminé par Ayşe <b>Öztürk</b>, atelier workshop-1", "étapes réussies : 1 sur 3",
                "Non terminé (code 17)", "le nom a été effacé")),
    ],
)  # fmt: skip
def test_work_orders_are_shown_when_opened(
    web: WebServer, visitor: Visitor, language: str, words: tuple[str, ...]
) -> None:
    web.fleet.work_orders = [
        work_order(0),
        work_order(1, outcome=17, release=""),
        work_order(2, mechanic=None, tests=None, board="virtual"),
    ]
    page = visitor.page(language)
    open_fleet(page, web, "#/vehicle/trike-1")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    part = page.get_by_test_id("work-orders")
    expect(part).to_be_visible()
    assert not any("work-orders" in url for url in asked)
    part.locator("summary").click()
    first = page.get_by_test_id("work-workshop-1-0")
    for wanted in words[:2]:
        expect(first).to_contain_text(wanted)
    expect(first).to_contain_text("abababababababab…")
    expect(page.get_by_test_id("work-workshop-1-1")).to_contain_text(words[2])
    page.get_by_test_id("work-older").click()
    expect(page.get_by_test_id("work-workshop-1-2")).to_contain_text(words[3])
    expect(page.get_by_test_id("work-older")).to_have_count(0)
    expect(part.locator("li")).to_have_count(3)


def test_that_there_are_none_is_said(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    open_fleet(page, web, "#/vehicle/trike-1")
    page.get_by_test_id("work-orders").locator("summary").click()
    expect(page.get_by_test_id("work-none")).to_be_visible()
