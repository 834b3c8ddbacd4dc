"""The codes' screen of /ride, and what the vehicle keeps, for the tests of both."""

from playwright.sync_api import Page, Request, expect
from web_stand import WebServer

from protocol import codes

VEHICLE = "trike-1"


def open_codes(page: Page, web: WebServer) -> None:
    page.goto(f"{web.url}/ride")
    page.get_by_test_id(f"vehicle-{VEHICLE}").get_by_role("link").click()
    page.get_by_test_id("codes-link").click()
    expect(page.get_by_test_id("codes-get")).to_be_visible()


class PageClock:
    """The clock of a page from now on, for a test to put forward."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._under_way: set[Request] = set()
        page.on("request", lambda asked: self._under_way.add(asked))
        page.on("requestfinished", lambda asked: self._under_way.discard(asked))
        page.on("requestfailed", lambda asked: self._under_way.discard(asked))
        page.clock.install()

    def jump(self, by_ms: int) -> None:
        """While no request to the API is under way: one would have taken as long, and be late."""
        self._page.clock.pause_at((self._page.evaluate("Date.now()") + 1_000) / 1_000)
        while any("/v1/" in one.url and "/stream" not in one.url for one in self._under_way):
            self._page.wait_for_timeout(20)
        self._page.clock.fast_forward(by_ms)
        self._page.clock.resume()


def get_codes(page: Page, web: WebServer, count: int | None = None) -> list[str]:
    """The digits, once the vehicle has recorded that it keeps their hashes."""
    open_codes(page, web)
    if count:
        page.get_by_test_id("codes-count").select_option(str(count))
    page.get_by_test_id("codes-get").click()
    expect(page.get_by_test_id("codes-done")).to_be_visible()
    return shown(page)


def shown(page: Page) -> list[str]:
    return [text.replace(" ", "") for text in page.get_by_test_id("digits").all_inner_texts()]


def deposited(web: WebServer, index: int = 0) -> list[bytes]:
    """The hashes that the vehicle keeps of a deposit."""
    kept = web.fleet.vehicles[VEHICLE].deposits[index]
    assert kept.codes is not None
    return kept.codes[1:]


def opens(web: WebServer, code: str, index: int = 0) -> bool:
    """By the vehicle's own arithmetic."""
    kept = web.fleet.vehicles[VEHICLE].deposits[index]
    assert kept.codes is not None
    salt = codes.salt_for(VEHICLE, kept.holder, kept.codes[0])
    return codes.stretch(salt, code.encode()) in kept.codes[1:]


def stored(page: Page) -> list[str]:
    """Names of the values that hold codes."""
    names = page.evaluate(
        """() => new Promise((resolve, reject) => {
          const opened = indexedDB.open("trifleet", 1);
          opened.onerror = () => reject(opened.error);
          opened.onsuccess = () => {
            const values = opened.result.transaction("values").objectStore("values");
            const keys = values.getAllKeys();
            keys.onsuccess = () => { opened.result.close(); resolve(keys.result); };
          };
        })"""
    )
    return [name for name in names if name.startswith("codes")]
