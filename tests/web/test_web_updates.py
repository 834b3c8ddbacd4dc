"""The page of releases: what each vehicle has, shall have, and why it waits, in words."""

import re
from typing import Any, get_args

import pytest
from playwright.sync_api import expect
from test_web_axe import check
from web_api import TOKEN
from web_stand import Visitor, WebServer

from fleet_backend.api.rolloutitems import GATEWAY_CODES
from fleet_backend.api.rolloutmodels import Rollout, Shown, VehicleRelease
from fleet_backend.web.pages import STATIC
from protocol import update


def rollout(name: str, state: str, **more: Any) -> dict[str, object]:
    values = {
        "id": name, "digest": "ab" * 32, "target": "app-7.tfr", "board": "virtual",
        "version": "1.7.0", "number": 7, "waves": 3, "failures_most": 0, "wave": 1,
        "state": state, "reason": "", "revision": 1, "created": 1, "updated": 2, **more,
    }  # fmt: skip
    return Rollout.model_validate(values).model_dump()


def has(vehicle: str, shown: str | None, **more: Any) -> dict[str, object]:
    values = {
        "vehicle": vehicle, "number": 6, "digest": "cd" * 32, "wanted_version": "1.7.0",
        "wanted_number": 7, "rollout": "spring", "rollout_state": "running", "shown": shown,
        "reason": None, "permille": None, **more,
    }  # fmt: skip
    return VehicleRelease.model_validate(values).model_dump()


@pytest.mark.parametrize(
    ("locale", "scheme", "width"), [("en", "light", 390), ("fr", "dark", 1440)]
)
def test_updates_are_told_in_words(
    web: WebServer, visitor: Visitor, locale: str, scheme: str, width: int
) -> None:
    page = visitor.page(locale, color_scheme=scheme, viewport={"width": width, "height": 844})
    page.goto(f"{web.url}/fleet#token={TOKEN}")
    page.get_by_test_id("tab-updates").click()
    expect(page.get_by_test_id("empty")).to_be_visible()
    why = "1 failed: trike-3 rolled_back SELF_TEST"
    web.fleet.rollouts = [rollout("spring", "running"), rollout("winter", "stopped", reason=why)]
    web.fleet.releases = [
        has("trike-1", "installing", permille=437),
        has("trike-2", "waiting", reason="BATTERY"),
        has("trike-3", "rolled_back", reason="SELF_TEST", number=None, digest=None),
    ]
    row = page.get_by_test_id("update-trike-1")
    expect(row).to_contain_text(re.compile(r"43\s%"))  # without a reload
    expect(page.get_by_test_id("why-trike-2")).to_contain_text("30")
    expect(page.get_by_test_id("update-trike-3")).to_have_attribute("data-shown", "rolled_back")
    expect(page.get_by_test_id("rollout-winter")).to_contain_text(why)
    expect(page.get_by_test_id("update-list").get_by_role("listitem")).to_have_count(3)
    check(page, "updates")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    web.fleet.releases = [has("trike-1", "refused", reason="CODE_77")]  # of a later version
    expect(page.get_by_test_id("why-trike-1")).to_have_text("CODE_77")


def test_every_word_that_the_api_may_say_is_there() -> None:
    shown = get_args(Shown)
    codes = [name for name in update.NAMES.values() if name != "DONE"]
    assert GATEWAY_CODES and len(shown) == 11
    for language in ("en", "fr"):
        words = (STATIC / f"ui/lang/fleet/{language}.js").read_text()
        for key in [f"shown.{one}" for one in shown] + [f"why.{one}" for one in codes]:
            assert f'"updates.{key}"' in words, (language, key)
        for name in GATEWAY_CODES.values():
            assert f'"updates.why.{name}"' in words, (language, name)
