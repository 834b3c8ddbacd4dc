"""The HTML of the entry pages: import map, preload links and the policy that fits them.

Pure: text in, text out. A page lists no script by hand; what it preloads is what its modules
import, so the list cannot go stale.
"""

import base64
import json
import posixpath
import re
from collections.abc import Callable
from hashlib import sha256

from fleet_backend.web.errors import AssetError

IMPORTS = {
    "preact": "vendor/preact-11.2.0/preact.mjs",
    "preact/hooks": "vendor/preact-11.2.0/hooks.mjs",
    "@preact/signals": "vendor/preact-signals-2.11.4/signals.mjs",
    "@preact/signals-core": "vendor/preact-signals-core-1.14.5/signals-core.mjs",
    "htm": "vendor/htm-3.1.1/htm.mjs",
    "maplibre-gl": "vendor/maplibre-gl-6.17.0/maplibre-gl.mjs",
    "pmtiles": "vendor/pmtiles-4.5.0/pmtiles.mjs",
    "uplot": "vendor/uplot-1.6.32/uPlot.esm.js",
    # pmtiles needs it only where the browser cannot inflate; every browser with Ed25519 can.
    "fflate": "ui/no_fflate.js",
}
_IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*["']([^"']+)["']""")
_MARK_MAP = "<!-- importmap -->"
_MARK_PRELOAD = "<!-- preload -->"


def import_map(integrity: dict[str, str]) -> str:
    """The import map's JSON; `integrity` is file -> SHA-384 (base64)."""
    listed = {f"/static/{IMPORTS[name]}" for name in IMPORTS}
    return json.dumps(
        {
            "imports": {name: f"/static/{path}" for name, path in IMPORTS.items()},
            "integrity": {
                f"/static/vendor/{file}": f"sha384-{digest}"
                for file, digest in integrity.items()
                if f"/static/vendor/{file}" in listed
            },
        },
        separators=(",", ":"),
    )


def imported_files(entry: str, read: Callable[[str], str]) -> list[str]:
    """`entry` and every file that it imports statically, at any depth, nearest first."""
    found, queue = [entry], [entry]
    while queue:
        name = queue.pop(0)
        for specifier in _IMPORT.findall(read(name)):
            target = resolve(name, specifier)
            if target not in found:
                found.append(target)
                queue.append(target)
    return found


def resolve(importer: str, specifier: str) -> str:
    if specifier in IMPORTS:
        return IMPORTS[specifier]
    if specifier.startswith("/static/"):
        return specifier.removeprefix("/static/")
    if not specifier.startswith("."):
        raise AssetError(f"static/{importer} imports {specifier}, which the import map lacks")
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), specifier))


def render(html: str, map_json: str, preload: list[str]) -> str:
    """Fill in the two marks of a page. A preload repeats the map's integrity, or it is wasted."""
    integrity = json.loads(map_json)["integrity"]
    for mark in (_MARK_MAP, _MARK_PRELOAD):
        if html.count(mark) != 1:
            raise AssetError(f"a page needs {mark} exactly once")
    links = [_preload(f"/static/{name}", integrity) for name in preload]
    html = html.replace(_MARK_MAP, f'<script type="importmap">{map_json}</script>')
    return html.replace(_MARK_PRELOAD, "\n".join(links))


def _preload(address: str, integrity: dict[str, str]) -> str:
    known = f' integrity="{integrity[address]}"' if address in integrity else ""
    return f'<link rel="modulepreload" href="{address}"{known}>'


def worker(text: str, tags: dict[str, str]) -> str:
    """The text of a service worker with the addresses that it keeps; `tags` is address -> ETag.

    Any change of a file is another text, so that a browser fetches all of them anew together.
    """
    version = sha256(json.dumps(tags, sort_keys=True).encode()).hexdigest()[:16]
    listed = json.dumps({"version": version, "files": sorted(tags)}, separators=(",", ":"))
    return f"const SHELL = {listed};\n{text}"


def policy(map_json: str) -> str:
    """Content-Security-Policy: our own files, the one inline import map by its hash, no more."""
    digest = base64.b64encode(sha256(map_json.encode()).digest()).decode()
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'sha256-{digest}'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "worker-src 'self'",
            "manifest-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
