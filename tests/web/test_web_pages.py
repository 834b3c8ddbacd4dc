"""How the pages are served: policy, ranges, validators, vendored files, words, weight."""

import asyncio
import gzip
import json
import re
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from fleet_backend.web import shell, vendor
from fleet_backend.web.assets import AssetFolder, parse_range
from fleet_backend.web.errors import AssetError, RangeError
from fleet_backend.web.pages import PAGES, STATIC, WORKER, web_routes

RIDE_BUDGET_BYTES = 60_000
TILES = "/static/map/montevideo.pmtiles"


class Client:
    """GET without a socket."""

    def __init__(self, policy_file: Path | None = None) -> None:
        self.app = Starlette(routes=web_routes(policy_file))

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
                return await client.get(path, headers=headers)

        # In a thread of its own: the browser of other tests keeps an event loop in this one.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, ask()).result()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Client:
    policy = tmp_path_factory.mktemp("policy") / "policy.txt"
    policy.write_text("log log.example+00000000+AAAA\nquorum none\n")
    return Client(policy)


@pytest.mark.parametrize("path", [*PAGES, WORKER, "/static/ui/cbor.js", TILES, "/static/nothing"])
def test_every_answer_carries_the_policy(client: Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "http" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self' 'sha256-")
    assert {"frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} <= set(
        policy.split("; ")
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"


@pytest.mark.parametrize("path", PAGES)
def test_only_inline_script_is_the_import_map_and_no_style(client: Client, path: str) -> None:
    html = client.get(path).text
    scripts = re.findall(r"<script([^>]*)>([^<]*)</script>", html)
    assert [body for attributes, body in scripts if "importmap" not in attributes] == [""]
    assert "style=" not in html
    assert "<style" not in html
    for address in re.findall(r'(?:href|src)="([^"]+)"', html):
        assert client.get(address).status_code == 200, address


def test_the_worker_keeps_what_the_ride_page_needs_and_no_data(client: Client) -> None:
    answer = client.get(WORKER)
    assert answer.headers["content-type"].startswith("text/javascript")
    shell_line, _, rest = answer.text.partition("\n")
    listed = json.loads(shell_line.removeprefix("const SHELL = ").removesuffix(";"))
    assert rest == (STATIC / "ride/worker.js").read_text()
    page = re.findall(r'(?:href|src)="([^"]+)"', client.get("/ride").text)
    assert {"/ride", "/static/ride/codes_view.js", *page} <= set(listed["files"])
    for address in listed["files"]:
        assert client.get(address).status_code == 200, address
        assert address == "/ride" or address.startswith("/static/")


def test_the_worker_is_another_one_when_any_file_is() -> None:
    tags = {"/ride": '"1"', "/static/a.js": '"2"'}
    texts = {shell.worker("", tags | {name: '"3"'}) for name in ("/ride", "/static/a.js", "/b")}
    assert len({*texts, shell.worker("", tags)}) == 4
    assert shell.worker("", dict(reversed(tags.items()))) == shell.worker("", tags)


def test_files_outside_the_folder_are_not_served(client: Client) -> None:
    for path in ("../pages.py", "..%2fpages.py", "%2e%2e/pages.py", "/etc/passwd", "ride"):
        assert client.get(f"/static/{path}").status_code == 404
    assert client.get("/static/ride/index.html").status_code == 404


def test_validators_and_lifetimes(client: Client) -> None:
    for path, lifetime in (
        ("/ride", "no-cache"),
        ("/static/ui/cbor.js", "no-cache"),
        ("/static/vendor/preact-11.2.0/preact.mjs", "public, max-age=31536000, immutable"),
    ):
        first = client.get(path)
        assert first.headers["cache-control"] == lifetime
        again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_compressed_only_where_it_is_asked_for(client: Client) -> None:
    plain = client.get("/static/ui/theme.css", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    refused = client.get("/static/ui/theme.css", headers={"Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers
    packed = client.get("/static/ui/theme.css", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content


def test_map_tiles_in_ranges(client: Client) -> None:
    whole = client.get(TILES)
    assert whole.content[:7] == b"PMTiles"
    assert len(whole.content) < 3_000_000
    size = len(whole.content)
    for asked, first, end in (
        ("bytes=0-126", 0, 127), ("bytes=100-", 100, size), ("bytes=-5", size - 5, size),
        (f"bytes=10-{size * 2}", 10, size),
    ):  # fmt: skip
        part = client.get(TILES, headers={"Range": asked})
        assert part.status_code == 206
        assert part.content == whole.content[first:end]
        assert part.headers["content-range"] == f"bytes {first}-{end - 1}/{size}"
    beyond = client.get(TILES, headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    stale = client.get(TILES, headers={"Range": "bytes=0-1", "If-Range": '"other"'})
    assert stale.status_code == 200


@given(st.text(max_size=30) | st.from_regex(r"bytes=\d{0,4}-\d{0,4}", fullmatch=True))
def test_ranges_stay_inside(header: str) -> None:
    try:
        span = parse_range(header, 1000)
    except RangeError:
        return
    assert span is None or 0 <= span[0] < span[1] <= 1000


def test_log_key_comes_from_the_policy(client: Client) -> None:
    assert client.get("/site.json").json() == {"log_vkey": "log.example+00000000+AAAA"}
    without = Client()
    assert without.get("/site.json").json() == {"log_vkey": None}


def test_vendored_files_are_the_listed_ones() -> None:
    assert vendor.faults() == []


def test_changed_missing_and_unlisted_vendored_files_are_named(tmp_path: Path) -> None:
    item = vendor.VendoredFile("p", "1.0.0", "MIT", "x", "p-1.0.0/x.js", vendor.digest(b"good"))
    (tmp_path / "vendor.json").write_text(json.dumps([vars(item)]))
    assert vendor.faults(tmp_path) == ["p-1.0.0/x.js: missing", "p: no licence file"]
    (tmp_path / "p-1.0.0").mkdir()
    (tmp_path / "p-1.0.0/x.js").write_bytes(b"bad")
    (tmp_path / "p-1.0.0/y.js").write_bytes(b"")
    found = vendor.faults(tmp_path)
    assert "p-1.0.0/x.js: SHA-384 differs from vendor.json" in found
    assert "p-1.0.0/y.js: not in vendor.json" in found


def test_ride_without_its_map_weighs_little(client: Client) -> None:
    folder = AssetFolder(STATIC)
    files = shell.imported_files("ride/main.js", folder.text)
    assert not [name for name in files if "maplibre" in name or "uplot" in name]
    packed = {name: len(gzip.compress(folder.text(name).encode(), 9)) for name in files}
    packed["theme"] = len(gzip.compress(folder.text("ui/theme.css").encode(), 9))
    packed["page"] = len(gzip.compress(client.get("/ride").content, 9))
    print(sum(packed.values()), packed)
    assert sum(packed.values()) <= RIDE_BUDGET_BYTES


def test_page_that_imports_what_is_not_there_is_refused() -> None:
    with pytest.raises(AssetError, match="lodash"):
        shell.resolve("ride/main.js", "lodash")
    with pytest.raises(AssetError):
        shell.render("<html></html>", '{"integrity":{}}', [])


def test_pages_render_the_same_bytes_again() -> None:
    integrity = {item.file: item.sha384 for item in vendor.read_list()}
    digests = {sha256(shell.import_map(integrity).encode()).hexdigest() for _ in range(3)}
    assert len(digests) == 1


# --- words ------------------------------------------------------------------------------------

SCRIPTS = [path for path in STATIC.rglob("*.js") if "vendor" not in path.parts]
FAMILIES = {
    "state": ["LOCKED", "READY", "DRIVE", "LOCK_PENDING", "UNKNOWN"],
    "nav": ["ride", "fleet", "ledger"],
    "line": ["connecting", "open", "waiting"],
    "label": ["speed", "battery"],
    "home": ["ride", "fleet", "ledger", "ride-text", "fleet-text", "ledger-text"],
    "step-state": ["done", "now", "next", "failed"],
    "proof-result": ["proved", "failed", "open"],
    "receipt": ["verdict-good", "verdict-partial", "verdict-bad", "of-unlock", "of-lock",
        "of-deposit"],
    "proof": [
        "readable-failed", "signature-proved", "signature-failed", "signature-open",
        "witnesses-open", "inclusion-proved", "inclusion-failed", "inclusion-open",
        "gateway-proved", "gateway-failed", "commitment-proved", "commitment-failed", "seal-open",
    ],
    "step": [
        "key", "register", "request", "wake", "send", "deliver", "answer", "standstill", "bound",
    ],
    "step-hint": ["standstill"],
    "codes": [
        "next", "unused", "used", "not-there", "not-there-text", "maybe-there", "maybe-there-text",
        "panel-CODE_TYPING", "panel-CODE_CHECKING", "panel-START", "panel-CODE_WRONG",
        "panel-CODE_WAIT", "panel-CODE_SHORT", "panel-REFUSED_ENDED", "wrong-code", "wrong-wait",
        "wrong-short", "wrong-ended",
    ],
    "event": [
        "boot", "boot-unprovisioned", "lock", "answer-done", "answer-pending", "refusal",
        "telemetry", "fault", "fault-cleared", "fault-named", "fault-named-cleared", "lost",
        "health", "egress", "unknown", "unreadable", "unrecorded",
    ],
}  # fmt: skip


def words(tag: str) -> dict[str, str]:
    folder = STATIC / "ui" / "lang"
    files = sorted(folder.rglob(f"{tag}.js"), key=lambda path: path.parent)
    text = "".join(path.read_text() for path in files)
    pairs = re.findall(r'^  ("[^"]+"):\s*("(?:[^"\\]|\\.)*"),$', text, re.MULTILINE)
    return {json.loads(key): json.loads(value) for key, value in pairs}


def test_both_languages_say_everything_with_the_same_blanks() -> None:
    english, french = words("en"), words("fr")
    assert len(english) > 200
    assert list(english) == list(french)
    for key in english:
        blanks = [sorted(re.findall(r"\{(\w+)\}", text[key])) for text in (english, french)]
        assert blanks[0] == blanks[1], key
        assert english[key].strip()
        assert french[key].strip()


def test_every_key_that_is_used_has_words() -> None:
    english = words("en")
    used = set()
    for path in SCRIPTS:
        for call in re.findall(r"\bt\(((?:[^()]|\([^()]*\))*)\)", path.read_text()):
            used |= set(re.findall(r'"([a-z-]+\.[A-Za-z_-]+)"', call))
    used |= {
        f"{key}.{form}"
        for path in SCRIPTS
        for key in re.findall(r'\bcount\("([^"]+)"', path.read_text())
        for form in ("one", "other")
    }
    used |= {f"{family}.{name}" for family, names in FAMILIES.items() for name in names}
    assert len(used) > 150
    assert sorted(used - set(english)) == []


def test_every_refusal_reason_and_action_of_the_protocol_has_words() -> None:
    from fleet_backend.ingest import reasons
    from protocol import bodies, command, fault, lock, refusal

    english = words("en")
    keys = [f"refusal.{name}" for name in refusal.NAMES.values()]
    keys += [f"reason.{name}" for name in lock.REASONS.values()]
    keys += [f"action.{name}" for name in command.NAMES.values()]
    keys += [f"quarantine.{name}" for name in reasons.TEXTS]
    keys += [f"fault.{name}" for name in fault.NAMES.values()]
    keys += [f"node.{name}" for name in fault.NODES.values()]
    keys += [f"health.{name}" for name in bodies.TROUBLES]
    assert [key for key in keys if key not in english] == []


@pytest.mark.parametrize("tag", ["en", "fr"])
def test_the_panel_is_quoted_as_it_is(tag: str) -> None:
    from hw.model.panel_texts import load_panel_texts

    shown = {text.name: "\n".join(text.lines[tag]) for text in load_panel_texts().values()}
    quoted = {
        key.removeprefix("codes.panel-"): text
        for key, text in words(tag).items()
        if key.startswith("codes.panel-")
    }
    assert len(quoted) == 7
    assert {name: shown[name] for name in quoted} == quoted


def names_in_records_js(name: str) -> list[str]:
    text = (STATIC / "ui" / "records.js").read_text()
    found = re.search(rf"const {name} = ([\[{{].*?[\]}}]);", text, re.DOTALL)
    assert found is not None, name
    return re.findall(r'"([^"]*)"', found[1])


def test_names_of_the_pages_are_those_of_the_protocol() -> None:
    from protocol import bodies, fault, lock, record, refusal, update

    for name, table in {
        "KINDS": record.KINDS,
        "NODES": fault.NODES,
        "REASONS": lock.REASONS,
        "REFUSALS": refusal.NAMES,
        "STATES": lock.STATES,
        "UPDATE_CODES": update.NAMES,
    }.items():
        shown = {i: word for i, word in enumerate(names_in_records_js(name)) if word}
        assert shown == table, name
    assert names_in_records_js("TROUBLES") == list(bodies.TROUBLES)
    text = (STATIC / "ui" / "records.js").read_text()
    needed = ", ".join(f"{record.KINDS[kind]}: {n}" for kind, n in bodies.NEEDED.items())
    assert f"const NEEDED = {{ {needed} }};" in text
    fields = [name for kind in bodies.BODIES.values() for name, _ in kind]
    assert names_in_records_js("BODIES") == fields


def test_fault_codes_of_the_pages_are_those_of_the_protocol() -> None:
    from protocol import fault

    text = (STATIC / "ui" / "records.js").read_text()
    codes = re.findall(r'(0x1[0-9a-f]{4}): "(\w+)"', text)
    assert {int(code, 16): name for code, name in codes} == fault.NAMES
