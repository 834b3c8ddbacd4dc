"""Puts an application on a board. Run again, it finishes what was interrupted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from workbench.application import BoardFile, collect_application
from workbench.bench import Bench, on_bench
from workbench.errors import NoSuchFileError, VerifyError

log = logging.getLogger("workbench")

MAIN = "main.py"


@dataclass(frozen=True)
class FlashProgress:
    """Sent before each file, and once at the end with an empty path."""

    path: str
    bytes_done: int
    bytes_total: int


@dataclass(frozen=True)
class FlashResult:
    written: tuple[str, ...]
    skipped: tuple[str, ...]
    removed: tuple[str, ...]
    bytes_written: int


def flash_application(
    port: str,
    files: Sequence[BoardFile] | None = None,
    *,
    progress: Callable[[FlashProgress], None] | None = None,
) -> FlashResult:
    """Writes what differs, verifies all of it, and starts the board. `files` as collected, or None
    for the application of this checkout."""
    if files is None:
        files = collect_application(Path(__file__).resolve().parent.parent)
    with on_bench(port) as bench:
        return flash_files(bench, files, progress=progress)


def flash_files(
    bench: Bench,
    files: Sequence[BoardFile],
    *,
    progress: Callable[[FlashProgress], None] | None = None,
) -> FlashResult:
    """Order of durable writes: power may go after any of them."""
    found = _found(bench, files)
    wanted = {file.path: file for file in files}
    differing = [file for file in files if found.get(file.path) != file.sha256]
    stale = sorted(set(found) - set(wanted))
    if differing or stale:
        # 1. Without main.py the board starts nothing: no mixture of two applications ever runs.
        _remove_if_there(bench, MAIN)
        found.pop(MAIN, None)
        differing = [file for file in files if found.get(file.path) != file.sha256]
    # 2. Modules that are no longer part of it (a .py would be preferred to its .mpy).
    removed = [path for path in stale if path != MAIN]
    for path in removed:
        bench.files.remove(path)
    # 3. Everything else, each file old or new; main.py last: with it the application is whole.
    differing.sort(key=lambda file: file.path == MAIN)
    _write(bench, differing, progress)
    _verify(bench, files)
    log.info("flashed %s: %d files written", bench.repl.port, len(differing))
    return FlashResult(
        written=tuple(file.path for file in differing),
        skipped=tuple(file.path for file in files if file not in differing),
        removed=tuple(removed),
        bytes_written=sum(len(file.data) for file in differing),
    )


def _write(
    bench: Bench,
    files: Sequence[BoardFile],
    progress: Callable[[FlashProgress], None] | None,
) -> None:
    total = sum(len(file.data) for file in files)
    done = 0
    for file in files:
        if progress is not None:
            progress(FlashProgress(file.path, done, total))
        bench.files.write(file.path, file.data)
        done += len(file.data)
    if progress is not None:
        progress(FlashProgress("", done, total))


def _verify(bench: Bench, files: Sequence[BoardFile]) -> None:
    found = _found(bench, files)
    for file in files:
        if found.get(file.path) != file.sha256:
            raise VerifyError(f"{file.path}: not on the board as it was written")


def _found(bench: Bench, files: Sequence[BoardFile]) -> dict[str, bytes]:
    """Hashes of what is there: all of the application's folders, and its files outside of them."""
    found: dict[str, bytes] = {}
    for folder in sorted({file.path.partition("/")[0] for file in files if "/" in file.path}):
        found.update(bench.files.hashes(folder))
    for file in files:
        if "/" not in file.path and bench.files.exists(file.path):
            found[file.path] = bench.files.sha256(file.path)
    return found


def _remove_if_there(bench: Bench, path: str) -> None:
    with suppress(NoSuchFileError):
        bench.files.remove(path)
