"""Asks for files before they are needed: a log at a URL is slow by its round trips, not its bytes.

A bounded number is under way; what is fetched is as little trusted as before.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from .treefiles import Fetch


class Ahead:
    """`fetch` for a reader who will ask for each of `paths`, once and about in this order.

    At most `window` of them are fetched or held at a time. Other paths are fetched when asked for.
    """

    def __init__(self, fetch: Fetch, paths: Iterable[str], window: int) -> None:
        self._fetch = fetch
        self._paths: Iterator[str] = iter(paths)
        self._waiting: dict[str, Future[bytes]] = {}
        self._window = window
        self._threads = ThreadPoolExecutor(window)

    def __call__(self, path: str) -> bytes:
        self._top_up()
        future = self._waiting.pop(path, None)
        return self._fetch(path) if future is None else future.result()

    def _top_up(self) -> None:
        while len(self._waiting) < self._window:
            path = next(self._paths, None)
            if path is None:
                return
            self._waiting[path] = self._threads.submit(self._fetch, path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
