"""Routes of the riders' and operators' pages; serves files of `static/` and nothing else."""

import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from fleet_backend.web import shell, vendor
from fleet_backend.web.assets import MEDIA_TYPES, Asset, AssetFolder, make_asset, parse_range
from fleet_backend.web.errors import RangeError

STATIC = Path(__file__).parent / "static"
PAGES = {"/": "home", "/ride": "ride", "/fleet": "fleet", "/ledger": "ledger"}
WORKER = "/ride-worker.js"
# What /ride needs without a network beyond what it imports at once: the codes' screen, and looks.
KEPT_ENTRIES = ("ride/main.js", "ride/codes_view.js")
KEPT_FILES = ("ui/theme.css", "icon.svg", "site.webmanifest")
YEAR_S = 31_536_000
COMMON_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Site:
    """The pages with their policy, and the static files; `policy_file` names the log's key."""

    def __init__(self, policy_file: Path | None = None) -> None:
        self._policy_file = policy_file
        self._files = AssetFolder(STATIC)
        integrity = {item.file: item.sha384 for item in vendor.read_list()}
        map_json = shell.import_map(integrity)
        self._headers = {**COMMON_HEADERS, "Content-Security-Policy": shell.policy(map_json)}
        self._pages = {path: self._page(name, map_json) for path, name in PAGES.items()}
        self._worker = self._ride_worker()

    def _page(self, name: str, map_json: str) -> Asset:
        preload = shell.imported_files(f"{name}/main.js", self._files.text)
        html = shell.render(self._files.text(f"{name}/index.html"), map_json, preload)
        return make_asset(html.encode(), "text/html; charset=utf-8", compress=True)

    def _ride_worker(self) -> Asset:
        entries = [shell.imported_files(entry, self._files.text) for entry in KEPT_ENTRIES]
        kept = {name for names in entries for name in names} | set(KEPT_FILES)
        tags = {"/ride": self._pages["/ride"].etag}
        for name in sorted(kept):
            tags[f"/static/{name}"] = self._files.require(name).etag
        text = shell.worker(self._files.text("ride/worker.js"), tags)
        return make_asset(text.encode(), MEDIA_TYPES[".js"], compress=True)

    async def worker(self, request: Request) -> Response:
        """At the root, because a worker may keep no page above its own address."""
        return answer(request, self._worker, self._headers)

    async def page(self, request: Request) -> Response:
        return answer(request, self._pages[request.url.path], self._headers)

    async def static(self, request: Request) -> Response:
        asset = self._files.get(request.path_params["path"])
        if asset is None or asset.media_type.startswith("text/html"):
            return Response("not found\n", 404, headers=self._headers, media_type="text/plain")
        return answer(request, asset, self._headers)

    async def site(self, request: Request) -> Response:
        """What the pages cannot know by themselves. The log's key is public."""
        value = {"log_vkey": log_vkey(self._policy_file)}
        return JSONResponse(value, headers={**COMMON_HEADERS, "Cache-Control": "no-cache"})


def log_vkey(policy_file: Path | None) -> str | None:
    """The log's verifier key out of a tlog-policy file; None while there is none."""
    if policy_file is None or not policy_file.is_file():
        return None
    found = re.search(r"^log[ \t]+(\S+)", policy_file.read_text(), re.MULTILINE)
    return found.group(1) if found else None


def answer(request: Request, asset: Asset, headers: dict[str, str]) -> Response:
    lifetime = f"public, max-age={YEAR_S}, immutable" if asset.immutable else "no-cache"
    headers = {**headers, "Cache-Control": lifetime, "ETag": asset.etag}
    if asset.gzipped is not None:
        headers["Vary"] = "Accept-Encoding"
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if asset.gzipped is not None:
        return _whole(request, asset, asset.gzipped, headers)
    return _part(request, asset, headers)


def _whole(request: Request, asset: Asset, gzipped: bytes, headers: dict[str, str]) -> Response:
    offered = request.headers.get("accept-encoding", "")
    if re.search(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))", offered):
        headers = {**headers, "Content-Encoding": "gzip"}
        return Response(gzipped, headers=headers, media_type=asset.media_type)
    return Response(asset.data, headers=headers, media_type=asset.media_type)


def _part(request: Request, asset: Asset, headers: dict[str, str]) -> Response:
    headers = {**headers, "Accept-Ranges": "bytes"}
    asked = request.headers.get("range", "")
    if request.headers.get("if-range", asset.etag) != asset.etag:
        asked = ""
    size = len(asset.data)
    try:
        span = parse_range(asked, size)
    except RangeError:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    if span is None:
        return Response(asset.data, headers=headers, media_type=asset.media_type)
    first, end = span
    headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
    return Response(asset.data[first:end], 206, headers=headers, media_type=asset.media_type)


def web_routes(policy_file: Path | None = None) -> list[BaseRoute]:
    """Everything of this package, to be put into a Starlette or FastAPI application.

    `policy_file` is the log's tlog-policy file; the pages verify receipts against its key.
    """
    site = Site(policy_file)
    pages: list[BaseRoute] = [Route(path, site.page, methods=["GET"]) for path in PAGES]
    return [
        *pages,
        Route(WORKER, site.worker, methods=["GET"]),
        Route("/site.json", site.site, methods=["GET"]),
        Route("/static/{path:path}", site.static, methods=["GET"]),
    ]
