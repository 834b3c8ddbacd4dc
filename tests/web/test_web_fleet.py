"""/fleet against the contract: what moves, what was recorded, what was refused, what is proved."""

import base64
import json
import re

import pytest
from playwright.sync_api import Page, Route, expect
from web_api import TOKEN
from web_stand import Visitor, WebServer
from web_vehicle import Entry

from protocol import cbor


def open_fleet(page: Page, web: WebServer, address: str = "") -> None:
    page.goto(f"{web.url}/fleet#token={TOKEN}")
    expect(page.get_by_test_id("vehicle-trike-1")).to_be_visible()
    if address:
        page.goto(f"{web.url}/fleet{address}")


def test_token_leaves_the_address_bar(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    open_fleet(page, web)
    assert TOKEN not in page.url
    assert page.evaluate("history.length") <= 2
    page.reload()
    expect(page.get_by_test_id("vehicle-trike-1")).to_be_visible()
    page.get_by_test_id("sign-out").click()
    expect(page.get_by_test_id("token")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_wrong_token_is_named_and_the_form_stays(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page("fr")
    page.goto(f"{web.url}/fleet")
    page.get_by_test_id("token").fill("wrong")
    page.get_by_test_id("sign-in").click()
    expect(page.get_by_test_id("token-fault")).to_contain_text("jeton")
    page.get_by_test_id("token").fill(TOKEN)
    page.get_by_test_id("sign-in").click()
    expect(page.get_by_test_id("vehicle-trike-1")).to_be_visible()


def test_vehicle_moves_on_the_map_and_in_the_list(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page(viewport={"width": 1440, "height": 900})
    open_fleet(page, web)
    marker = page.get_by_test_id("marker-trike-1")
    expect(marker).to_have_attribute("data-state", "LOCKED")
    before = marker.evaluate("element => element.style.transform")
    web.fleet.vehicles["trike-1"].enter(2, 2)
    expect(marker).to_have_attribute("data-state", "DRIVE")
    expect(marker).to_have_attribute("aria-label", re.compile(r"trike-1, Riding, \d+.km/h"))
    expect(page.get_by_test_id("speed-trike-1")).to_have_text(re.compile(r"^[1-9]\d*.km/h$"))
    expect(marker).not_to_have_css("transform", before)
    page.wait_for_function(
        "([element, before]) => element.style.transform !== before",
        arg=[marker.element_handle(), before],
    )
    marker.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("trike-1")


@pytest.mark.parametrize(
    ("language", "words"), [("en", ["At rest", "12 V"]), ("fr", ["Au repos", "12\u00a0V"])]
)
def test_a_vehicle_at_rest_says_why_it_is_quiet(
    web: WebServer, visitor: Visitor, language: str, words: list[str]
) -> None:
    page = visitor.page(language)
    open_fleet(page, web)
    row = page.get_by_test_id("vehicle-trike-1")
    expect(row.get_by_test_id("rest")).to_have_count(0)
    vehicle = web.fleet.vehicles["trike-1"]
    for rest, word in zip((1, 3), words, strict=True):
        vehicle.rest = rest
        vehicle.emit("vehicle", vehicle.report())
        expect(row.get_by_test_id("rest")).to_contain_text(word)
        expect(row.get_by_test_id("online")).to_have_attribute("data-online", "true")
    page.goto(f"{web.url}/fleet#/vehicle/trike-1")
    expect(page.get_by_test_id("rest")).to_contain_text(words[1])
    vehicle.rest = None
    vehicle.emit("vehicle", vehicle.report())
    expect(page.get_by_test_id("rest")).to_have_count(0)


FIRST_DRAWN = """element => new MutationObserver(() => {
  window.firstDrawn ??= element.dataset.drawn;
}).observe(element, { attributeFilter: ["data-drawn"] })"""


def test_charts_draw_the_data_that_came_before_their_code(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    held: list[Route] = []
    page.route("**/ui/chart.js", lambda route: held.append(route))
    open_fleet(page, web, "#/vehicle/trike-1")
    figure = page.get_by_test_id("chart-speed")
    expect(figure).to_have_attribute("data-points", re.compile(r"[1-9]"))
    plot = figure.locator(".plot")
    plot.evaluate(FIRST_DRAWN)
    assert held
    for route in held:
        route.continue_()
    expect(plot).to_have_attribute("data-drawn", re.compile(r"\d"))
    assert int(page.evaluate("window.firstDrawn")) > 0


def test_vehicle_page_has_charts_events_and_refusals_in_words(
    web: WebServer, visitor: Visitor
) -> None:
    page = visitor.page()
    vehicle = web.fleet.vehicles["trike-1"]
    open_fleet(page, web, "#/vehicle/trike-1")
    expect(page.get_by_test_id("chart-speed")).to_have_attribute("data-points", re.compile(r"\d"))
    expect(page.get_by_test_id("event-1-0")).to_contain_text("firmware 0.1.0")
    vehicle.present(b"not a presentation")
    refused = page.get_by_test_id("event-1-1")
    expect(refused).to_have_attribute("data-kind", "REFUSAL")
    expect(refused).to_contain_text("could not be read")
    page.get_by_test_id("tab-refusals").click()
    item = page.get_by_test_id("refusal").first
    expect(item).to_have_attribute("data-name", "MALFORMED")
    page.get_by_test_id("language-fr").click()
    expect(item).to_contain_text("illisible")


def test_quarantined_message_is_shown_with_its_reason(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    web.fleet.quarantine = [
        {"id": 1, "source": "quarantine", "gateway": "gw-x", "code": None, "name": "record-mac",
         "where": "tf/1/gw-x/up/statement",
         "vehicle": None, "time": None, "server_time": 1_795_000_000}
    ]  # fmt: skip
    open_fleet(page, web, "#/refusals")
    item = page.get_by_test_id("refusal").first
    expect(item).to_have_attribute("data-source", "quarantine")
    expect(item).to_contain_text("seal on a record is not genuine")
    expect(item).to_contain_text("tf/1/gw-x/up/statement")


def test_what_a_gateway_did_not_take_is_shown_as_its_own(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    web.fleet.quarantine = [
        {"id": 1, "source": "gateway", "gateway": "gw-2", "text": "boot 7", "server_time": 1}
    ]
    open_fleet(page, web, "#/refusals")
    item = page.get_by_test_id("refusal").first
    expect(item).to_contain_text("Gateway gw-2")
    expect(item).to_contain_text("The gateway reports: boot 7")
    expect(item.locator("code")).to_have_count(0)


def test_missing_statements_are_shown_as_soon_as_they_are_told(
    web: WebServer, visitor: Visitor
) -> None:
    page = visitor.page()
    open_fleet(page, web, "#/refusals")
    expect(page.get_by_test_id("line")).to_have_attribute("data-state", "open")
    expect(page.get_by_test_id("gaps")).to_have_count(0)
    web.fleet.gaps = [
        {"id": 9, "gateway": "gw-1", "first": 5, "last": 8, "since": 1_795_000_000, "filled": None},
        {"id": 8, "gateway": "gw-2", "first": 3, "last": 3, "since": 1_795_000_000, "filled": None},
    ]
    web.fleet.emit("gap", web.fleet.gaps[0])
    expect(page.get_by_test_id("gap")).to_have_count(2)
    expect(page.get_by_test_id("gap").first).to_contain_text("gw-1: numbers 5 to 8")
    expect(page.get_by_test_id("gap").last).to_contain_text("gw-2: number 3")
    expect(page.get_by_test_id("gaps")).to_contain_text("There are more")
    page.get_by_test_id("language-fr").click()
    expect(page.get_by_test_id("gap").first).to_contain_text("numéros 5 à 8")
    # Filled: nothing is left of it on the page.
    web.fleet.gaps = []
    web.fleet.emit("gap", {"id": 9})
    expect(page.get_by_test_id("gaps")).to_have_count(0)


def test_new_refusal_is_counted_on_the_tab(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    open_fleet(page, web)
    expect(page.get_by_test_id("line")).to_have_attribute("data-state", "open")
    web.fleet.vehicles["trike-2"].present(b"forged")
    expect(page.get_by_test_id("unseen")).to_contain_text("1")
    page.get_by_test_id("tab-refusals").click()
    expect(page.get_by_test_id("unseen")).to_have_count(0)


def test_broken_line_is_shown_and_mended(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    open_fleet(page, web)
    expect(page.get_by_test_id("line")).to_have_attribute("data-state", "open")
    web.fleet.down = True
    expect(page.get_by_test_id("line")).to_have_attribute("data-state", "waiting")
    web.fleet.down = False
    expect(page.get_by_test_id("line")).to_have_attribute("data-state", "open")


def tamper_index(text: str) -> str:
    return re.sub(r"\nindex (\d+)\n", lambda found: f"\nindex {int(found[1]) - 1}\n", text)


def tamper_root(text: str) -> str:
    head, note = text.split("\n\n", 1)
    lines = note.split("\n")
    lines[2] = base64.b64encode(bytes(32)).decode()
    return f"{head}\n\n" + "\n".join(lines)


def tamper_body(text: str) -> str:
    lines = text.split("\n")
    extra = cbor.decode(base64.b64decode(lines[1].removeprefix("extra ")))
    assert isinstance(extra, list)
    body = bytearray(extra[3])
    body[-1] ^= 1
    extra[3] = bytes(body)
    lines[1] = "extra " + base64.b64encode(cbor.encode(extra)).decode()
    return "\n".join(lines)


def tamper_gateway_key(text: str) -> str:
    lines = text.split("\n")
    extra = cbor.decode(base64.b64decode(lines[1].removeprefix("extra ")))
    assert isinstance(extra, list)
    extra[4] = bytes(31) + b"\x01"
    lines[1] = "extra " + base64.b64encode(cbor.encode(extra)).decode()
    return "\n".join(lines)


FORGERIES = [
    (tamper_index, "inclusion"),
    (tamper_root, "signature"),
    (tamper_body, "commitment"),
    (tamper_gateway_key, "gateway"),
    (lambda text: text[: len(text) // 2], "readable"),
]


def test_tampered_receipts_are_refused(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    web.fleet.vehicles["trike-1"].record(6, {0: 1, 1: 9, 2: True})
    forgeries = list(FORGERIES)

    def answer(route: Route) -> None:
        received = route.fetch()
        route.fulfill(response=received, body=forgeries[0][0](received.text()))

    page.route("**/v1/fleet/receipts/*", answer)
    open_fleet(page, web, "#/vehicle/trike-1")
    event = page.get_by_test_id("event-1-1")
    while forgeries:
        event.get_by_test_id("check-receipt").click()
        failed = event.get_by_test_id(f"proof-{forgeries[0][1]}")
        expect(failed).to_have_attribute("data-result", "failed")
        expect(event.get_by_test_id("report")).to_have_attribute("data-verdict", "bad")
        forgeries.pop(0)


def test_a_receipt_of_what_was_erased_says_so_in_plain_words(
    web: WebServer, visitor: Visitor
) -> None:
    page = visitor.page()
    problem = {"type": "/problems/erased", "title": "The content was erased", "status": 410}
    page.route(
        "**/v1/fleet/receipts/*",
        lambda route: route.fulfill(
            status=410, content_type="application/problem+json", body=json.dumps(problem)
        ),
    )
    open_fleet(page, web, "#/vehicle/trike-1")
    page.get_by_test_id("event-1-0").get_by_test_id("check-receipt").click()
    said = page.get_by_test_id("receipt-error")
    expect(said).to_contain_text("was erased")
    expect(said).to_contain_text("still proves")


def test_good_receipt_holds_until_the_logs_key_changes(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    open_fleet(page, web, "#/vehicle/trike-1")
    event = page.get_by_test_id("event-1-0")
    event.get_by_test_id("check-receipt").click()
    expect(page.get_by_test_id("report")).to_have_attribute("data-verdict", "good")
    other = web.fleet.policy_file.read_text().replace("log.example", "log2.example")
    web.fleet.policy_file.write_text(other)
    page.reload()
    event.get_by_test_id("check-receipt").click()
    expect(page.get_by_test_id("key-changed")).to_be_visible()
    # The pinned key still decides: the log that it knows did sign this one.
    expect(page.get_by_test_id("report")).to_have_attribute("data-verdict", "good")


def test_a_record_that_cannot_be_read_is_named_beside_the_others(
    web: WebServer, visitor: Visitor
) -> None:
    page = visitor.page()
    vehicle = web.fleet.vehicles["trike-1"]
    good = vehicle.entries[0]
    (boot,) = cbor.decode(good.body)  # type: ignore[misc]
    sign1, salt, body = vehicle._statement([b"no record", boot])
    entry = Entry(web.fleet.log(sign1), good.record, sign1, salt, body)
    text = web.fleet.receipt(vehicle, entry)
    page.goto(web.url)
    upload = {"name": "receipt.txt", "mimeType": "text/plain", "buffer": text.encode()}
    page.get_by_test_id("receipt-file").set_input_files(upload)  # type: ignore[arg-type]
    report = page.get_by_test_id("report")
    expect(report).to_have_attribute("data-verdict", "good")
    expect(report).to_contain_text("The record at position 0 (9 bytes) cannot be read")
    expect(report).to_contain_text("Started with firmware 0.1.0.")


def test_receipt_file_of_somebody_else(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    vehicle = web.fleet.vehicles["trike-1"]
    text = web.fleet.receipt(vehicle, vehicle.entries[0])
    page.goto(web.url)
    upload = {"name": "receipt.txt", "mimeType": "text/plain", "buffer": text.encode()}
    page.get_by_test_id("receipt-file").set_input_files(upload)  # type: ignore[arg-type]
    expect(page.get_by_test_id("report")).to_have_attribute("data-verdict", "good")
