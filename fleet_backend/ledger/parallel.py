"""Spans of bundles checked by several processes, handed back in order.

At most a few spans are under way at a time, so memory does not grow with the log. A process whose
parent is gone ends itself.
"""

import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from typing import Self

from .ahead import Ahead
from .bundlecheck import Due, Fault, check_bundles
from .errors import StorageError
from .tile import ENTRIES, Tile
from .treefiles import Fetch

AHEAD = 2  # spans that wait for each process, so that none is idle


@dataclass(frozen=True)
class Span:
    """Full bundles from `first` on, one for each hash that is due."""

    first: int
    dues: tuple[Due, ...]


@dataclass(frozen=True)
class CheckedSpan:
    """Roots of a span's bundles, as good as can be told, and its faults."""

    roots: list[bytes]
    faults: list[Fault]


def check_span(fetch: Fetch, connections: int, span: Span) -> CheckedSpan:
    """Check a span here; `connections` files are asked for ahead."""
    with ExitStack() as stack:
        if connections > 1:
            fetch = stack.enter_context(Ahead(fetch, _paths(span), connections))
        return CheckedSpan(*check_bundles(fetch, span.first, span.dues))


def _paths(span: Span) -> Iterator[str]:
    for index in range(span.first, span.first + len(span.dues)):
        yield Tile(ENTRIES, index).path
        yield Tile(0, index).path


class Pool:
    """Checks spans in `workers` processes, or in this one."""

    def __init__(self, fetch: Fetch, workers: int, connections: int) -> None:
        self._fetch = fetch
        self._workers = workers
        self._connections = connections
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self._workers > 1:
            # Not forked: whoever calls may have threads.
            self._executor = ProcessPoolExecutor(
                self._workers,
                mp_context=get_context("spawn"),
                initializer=_begin,
                initargs=(self._fetch, self._connections),
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def run(self, spans: Iterable[Span]) -> Iterator[tuple[Span, CheckedSpan]]:
        """Each span with its result, in order."""
        executor = self._executor
        if executor is None:
            for span in spans:
                yield span, check_span(self._fetch, self._connections, span)
            return
        waiting: deque[tuple[Span, Future[CheckedSpan]]] = deque()
        for span in spans:
            waiting.append((span, executor.submit(_check, span)))
            if len(waiting) >= self._workers * AHEAD:
                yield _result(*waiting.popleft())
        while waiting:
            yield _result(*waiting.popleft())


def _result(span: Span, future: Future[CheckedSpan]) -> tuple[Span, CheckedSpan]:
    try:
        return span, future.result()
    except BrokenExecutor as error:
        raise StorageError("a checking process ended before its work was done") from error


_worker: list[tuple[Fetch, int]] = []  # of a process of the pool: set once when it begins


def _begin(fetch: Fetch, connections: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    _worker.append((fetch, connections))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _check(span: Span) -> CheckedSpan:
    fetch, connections = _worker[0]
    return check_span(fetch, connections, span)
