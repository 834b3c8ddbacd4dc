"""One-time codes on /ride: drawn in the browser, kept on the phone and told to nobody, there
without a network, gone with their grant."""

import base64
import re
from urllib.parse import unquote

import pytest
from codes_page import VEHICLE, deposited, get_codes, opens, shown, stored
from playwright.sync_api import Page, Request, expect
from web_stand import Visitor, WebServer


class Ears:
    """Everything that leaves the browser, and everything that it writes where others read."""

    def __init__(self, page: Page) -> None:
        self.heard: list[bytes] = []
        page.context.on("request", self._request)
        page.on("console", lambda message: self.heard.append(message.text.encode()))

    def _request(self, asked: Request) -> None:
        body = asked.post_data_buffer or b""
        self.heard += [unquote(asked.url).encode(), body]
        # Signed documents travel as base64url of CBOR.
        for text in re.findall(rb'"([A-Za-z0-9_-]{16,})"', body):
            self.heard.append(base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4)))
        self.heard += [f"{name}: {value}".encode() for name, value in asked.headers.items()]


@pytest.mark.parametrize("count", [None, 1, 4])
def test_the_vehicle_keeps_the_hashes_of_what_the_phone_shows(
    web: WebServer, visitor: Visitor, count: int | None
) -> None:
    page = visitor.page()
    found = get_codes(page, web, count)
    assert len(set(found)) == (count or 2)
    assert all(re.fullmatch(r"\d{16}", code) for code in found)
    assert all(opens(web, code) for code in found)
    assert len(deposited(web)) == len(found)
    expect(page.get_by_test_id("code-1")).to_have_attribute("data-state", "next")


def test_nobody_is_told_the_codes(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    ears = Ears(page)
    found = get_codes(page, web)
    page.get_by_test_id("code-1").get_by_test_id("mark").click()
    page.reload()
    expect(page.get_by_test_id("code-2")).to_be_visible()
    (kept,) = web.fleet.vehicles[VEHICLE].deposits
    assert kept.codes and any(kept.codes[1] in item for item in ears.heard)  # hashes are told
    for code in found:
        grouped = " ".join(code[at : at + 4] for at in range(0, 16, 4))
        assert not [item for item in ears.heard if code.encode() in item]
        assert code not in page.url
        assert code not in page.title()
        assert not page.evaluate(
            "(text) => JSON.stringify({ ...localStorage, ...sessionStorage }).includes(text)", code
        )
        assert grouped in page.inner_text("main")  # what is looked for is what is shown


def test_codes_survive_a_reload_without_a_network(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    found = get_codes(page, web)
    expect(page.get_by_test_id("codes-kept")).to_have_attribute("data-kept", "kept")
    page.get_by_test_id("code-1").get_by_test_id("mark").click()
    expect(page.get_by_test_id("code-2")).to_have_attribute("data-state", "next")
    web.stop()
    page.reload()
    expect(page.get_by_test_id("codes-done")).to_be_visible()
    assert shown(page) == found
    expect(page.get_by_test_id("code-1")).to_have_attribute("data-state", "used")
    page.goto(f"{web.url}/ride")
    expect(page.get_by_test_id("api-error")).to_be_visible()
    page.get_by_test_id(f"codes-card-{VEHICLE}").get_by_role("link").click()
    assert shown(page) == found
    page.get_by_test_id("refusals").locator("summary").click()
    expect(page.get_by_test_id("refusals")).to_contain_text("Wait 1 min")


def test_a_browser_that_keeps_no_page_says_so(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page("fr")
    # As in private windows of some browsers, and on pages without TLS.
    page.add_init_script("Object.defineProperty(navigator, 'serviceWorker', { value: undefined })")
    found = get_codes(page, web)
    kept = page.get_by_test_id("codes-kept")
    expect(kept).to_have_attribute("data-kept", "not-kept")
    expect(kept).to_contain_text("Notez les codes")
    assert all(opens(web, code) for code in found)


def test_a_page_from_the_network_is_not_mixed_with_what_was_kept(
    web: WebServer, visitor: Visitor
) -> None:
    page = visitor.page()
    get_codes(page, web)
    expect(page.get_by_test_id("codes-kept")).to_have_attribute("data-kept", "kept")
    answers: dict[str, bool] = {}
    page.context.on("response", lambda got: answers.update({got.url: got.from_service_worker}))
    page.reload()
    expect(page.get_by_test_id("codes-done")).to_be_visible()
    assert answers[f"{web.url}/static/ride/main.js"] is False
    assert answers[f"{web.url}/static/ride/codes_view.js"] is False


def test_copy_and_mark(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page(permissions=["clipboard-read", "clipboard-write"])
    found = get_codes(page, web)
    page.get_by_test_id("code-2").get_by_test_id("copy").click()
    expect(page.get_by_test_id("codes-told")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == found[1]
    first = page.get_by_test_id("code-1")
    first.get_by_test_id("mark").click()
    expect(first).to_have_attribute("data-state", "used")
    expect(page.get_by_test_id("code-2")).to_have_attribute("data-state", "next")
    expect(page.get_by_test_id("codes-left")).to_have_text("1 / 2")
    first.get_by_test_id("mark").click()
    expect(first).to_have_attribute("data-state", "next")


def test_new_codes_when_all_are_used(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    (old,) = get_codes(page, web, 1)
    assert page.get_by_test_id("codes-get").count() == 0
    page.get_by_test_id("mark").click()
    expect(page.get_by_test_id("codes-spent")).to_be_visible()
    page.get_by_test_id("codes-get").click()
    expect(page.get_by_test_id("codes-done")).to_be_visible()
    new = shown(page)
    assert old not in new
    assert all(opens(web, code, 1) for code in new)


def test_codes_are_removed_when_their_time_is_over(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    get_codes(page, web)
    assert stored(page) == [f"codes:{VEHICLE}"]
    page.clock.install()
    page.clock.fast_forward("01:01:00")
    expect(page.get_by_test_id("codes-outdated")).to_be_visible()
    assert page.get_by_test_id("digits").count() == 0
    assert stored(page) == []


def test_codes_can_be_deleted(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    get_codes(page, web)
    page.get_by_test_id("codes-remove").click()
    page.get_by_test_id("codes-remove-no").click()
    page.get_by_test_id("codes-remove").click()
    page.get_by_test_id("codes-remove-yes").click()
    expect(page.get_by_test_id("codes-get")).to_be_visible()
    assert stored(page) == []


def test_the_grant_of_the_codes_unlocks_by_phone_as_well(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    get_codes(page, web)
    page.get_by_test_id("codes-back").click()
    page.get_by_test_id("unlock").click()
    expect(page.get_by_test_id("lock")).to_be_visible()
    assert len(web.fleet.grants) == 1
    page.get_by_test_id("codes-link").click()
    expect(page.get_by_test_id("code-1")).to_be_visible()
    page.get_by_test_id("codes-back").click()
    expect(page.get_by_test_id("lock")).to_be_visible()
