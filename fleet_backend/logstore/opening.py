"""Where a log's files lie, by URL: `file:///srv/log`, `s3://bucket/prefix`, `gs://`, `az://`.

Secrets come from the store's usual environment variables or from a file of mode 0600, never from
the URL: it stands in settings, logs and lists of processes.
"""

import os
import stat
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from fleet_backend.ledger.contracts import TileStore
from fleet_backend.ledger.errors import ConfigError
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.treefiles import Fetch
from fleet_backend.logstore.folder import SharedFolder

if TYPE_CHECKING:
    from obstore.store import ObjectStore

SCHEMES = ("file", "memory", "s3", "gs", "az")
TIMEOUT_S = 10
CONNECT_TIMEOUT_S = 5
MAX_RETRIES = 4
RETRY_TIMEOUT_S = 15
MAX_OPTIONS_BYTES = 65_536


def open_tiles(url: str, options: Path | None = None) -> TileStore:
    """The writer's side. Raises ConfigError."""
    if (folder := _folder(url)) is not None:
        return SharedFolder(folder)
    from fleet_backend.logstore.objects import ObjectTiles  # after `_store` found obstore

    return ObjectTiles(_store(url, options))


def open_fetch(url: str, options: Path | None = None) -> Fetch:
    """The reader's side: `fetch` of the published log. Raises ConfigError."""
    if (folder := _folder(url)) is not None:
        return FolderFetch(folder / "public")
    store = _store(url, options)
    from fleet_backend.logstore.objects import ObjectFetch

    return ObjectFetch(store)


def published_log(public: Path | None, url: str | None, options: Path | None = None) -> Fetch:
    """The published log of a program's settings: a `public` folder, or else a store's URL."""
    if public is not None:
        return FolderFetch(public)
    if url is None:
        raise ConfigError("the settings do not say where the published log lies")
    return open_fetch(url, options)


def is_store_url(text: str) -> bool:
    """Does it name a store, rather than a folder or a web address?"""
    return text.partition("://")[0] in SCHEMES and "://" in text


def _folder(url: str) -> Path | None:
    """The folder of a `file` URL. Raises ConfigError for a URL that is none of ours."""
    try:
        parts = urlsplit(url)
        has_password = parts.username is not None or parts.password is not None
    except ValueError:
        raise ConfigError("the address of the tiles is not a URL") from None
    # Neither message repeats the URL: it may hold what does not belong there.
    if parts.scheme not in SCHEMES:
        raise ConfigError(f"tiles lie at a URL that begins with one of {', '.join(SCHEMES)}")
    if has_password or parts.query or parts.fragment:
        raise ConfigError(
            "the address of the tiles holds more than store and prefix: what opens the store "
            "belongs in the environment or in the options file"
        )
    if parts.scheme != "file":
        return None
    if parts.netloc or not parts.path.startswith("/"):
        raise ConfigError("a folder of tiles is given as file:///absolute/path")
    return Path(unquote(parts.path))


def _store(url: str, options: Path | None) -> "ObjectStore":
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError as error:
        raise ConfigError(
            "tiles in an object store need obstore: pip install -r requirements-scale.txt"
        ) from error
    config = {} if options is None else read_options(options)
    given: dict[str, Any] = {}
    if not url.startswith("memory:"):
        # An address without TLS has to be asked for, in the options or in the environment.
        is_plain = config.get("endpoint", "").startswith("http://")
        is_plain = is_plain or os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true"
        given = {
            "config": config,
            "client_options": {
                "timeout": timedelta(seconds=TIMEOUT_S),
                "connect_timeout": timedelta(seconds=CONNECT_TIMEOUT_S),
                "allow_http": is_plain,
            },
            "retry_config": {
                "max_retries": MAX_RETRIES,
                "retry_timeout": timedelta(seconds=RETRY_TIMEOUT_S),
                "backoff": {
                    "init_backoff": timedelta(seconds=0.1),
                    "max_backoff": timedelta(seconds=2),
                    "base": 2,
                },
            },
        }
    try:
        return from_url(url, **given)
    except (BaseError, ValueError, TypeError) as error:
        # The client repeats values; the kind has to do.
        kind = type(error).__name__
        raise ConfigError(f"the store of the tiles cannot be opened ({kind})") from None


def read_options(path: Path) -> dict[str, str]:
    """Options of a store, `name = "text"` as TOML. Raises ConfigError, which shows no value."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(MAX_OPTIONS_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigError(f"others may read {path}: its mode must be 0600")
    try:
        found = tomllib.loads(data.decode())
    except (ValueError, RecursionError):
        raise ConfigError(f"{path} is not TOML") from None
    if len(data) > MAX_OPTIONS_BYTES or not all(isinstance(one, str) for one in found.values()):
        raise ConfigError(f'{path} holds something else than lines of name = "text"')
    return found
