"""The order of durable writes, read from the system calls of a real writer.

A killed process leaves the page cache behind, so kills alone do not show a missing fsync: here each
call is replayed against what a power cut would leave.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_tools import Child, entries_of, new_log

CALL = re.compile(r"^\d+ +(?P<name>\w+)\((?P<arguments>.*)\) += \d+")
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
DESCRIPTOR = re.compile(r"^\d+<([^>]*)>")
TRACED = "write,pwrite64,fsync,fdatasync,link,linkat,rename,renameat,mkdir,unlink,ftruncate"


class PowerCut:
    """What is not durable yet: bytes of files, and names in folders."""

    def __init__(self, directory: Path) -> None:
        self.directory = str(directory)
        self.dirty: set[str] = set()
        self.names: set[str] = set()
        self.seen: list[str] = []

    def apply(self, name: str, first: str, second: str) -> None:
        if name in ("write", "pwrite64", "ftruncate"):
            self.dirty.add(first)
        elif name in ("fsync", "fdatasync"):
            self.sync(first)
        elif name in ("link", "linkat", "rename", "renameat"):
            self.put(first, second)
        elif name == "mkdir":
            self.names.add(first)
        elif name == "unlink":
            self.dirty.discard(first)

    def sync(self, path: str) -> None:
        if path.endswith("lock.db-wal"):
            # 4: the row may say it only when all of the batch is safe.
            assert self.unsafe() <= {path}
            self.seen.append("row")
        self.dirty.discard(path)
        self.names = {name for name in self.names if str(Path(name).parent) != path}

    def put(self, source: str, target: str) -> None:
        if target.endswith("/public/pending"):
            # Nothing hangs on it: the next start shows it again.
            self.dirty.discard(source)
            return
        assert source not in self.dirty, f"{target} gets a name before its bytes are safe"
        self.names.add(target)
        if target.endswith("/public/checkpoint"):
            # 6: readers may see it only when the row is safe.
            assert f"{self.directory}/lock.db-wal" not in self.dirty
            self.seen.append("checkpoint")
        elif "/public/tile/" in target:
            # 2: a file of the tree only when the write-ahead file is safe.
            assert f"{self.directory}/wal" not in self.dirty
            self.seen.append("tile")

    def unsafe(self) -> set[str]:
        # Names in tmp/ mean nothing, and SQLite builds its shared memory anew.
        ignored = (f"{self.directory}/tmp", f"{self.directory}/lock.db-shm")
        return {path for path in self.names | self.dirty if not path.startswith(ignored)}


def calls(trace: str) -> Iterator[tuple[str, str, str]]:
    for line in trace.splitlines():
        match = CALL.match(line)
        if match is None:
            continue
        name, arguments = match["name"], match["arguments"]
        descriptor = DESCRIPTOR.match(arguments)
        quoted = QUOTED.findall(arguments)
        if name in ("write", "pwrite64"):
            yield name, descriptor[1] if descriptor else "", quoted[0] if quoted else ""
        elif descriptor and not name.startswith(("link", "rename")):
            yield name, descriptor[1], ""
        else:
            yield name, quoted[0], quoted[1] if len(quoted) > 1 else ""


def replay(directory: Path, trace: Path, *arguments: str) -> Iterator[tuple[str, list[str]]]:
    """Run a writer; each line that it says, and the durable steps since the one before."""
    prefix = ["strace", "-f", "-y", "-qq", "-s", "16", "-o", str(trace), "-e", f"trace={TRACED}"]
    with Child(str(directory), "order", *arguments, prefix=prefix) as child:
        assert child.finish() == (0, "")
    disk = PowerCut(directory)
    for name, first, second in calls(trace.read_text()):
        if name == "write" and second.startswith(("ack ", "seen ")):
            # The caller hears of it: nothing at all may hang on the power now.
            assert not disk.unsafe()
            yield second.split()[0], disk.seen
            disk.seen = []
        elif first.startswith(str(directory)):
            disk.apply(name, first, second)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("growth", ["1,1,1", "700,3"])
def test_nothing_is_built_on_what_a_power_cut_would_take(tmp_path, growth):
    directory = tmp_path / "log"
    new_log(directory, entries_of(254)).close()
    said = list(replay(directory, tmp_path / "trace", growth))
    assert [word for word, _ in said] == ["ack"] * len(growth.split(","))
    for _, seen in said:
        assert "".join(step[0] for step in seen[-4:]).endswith("trc")
        assert seen[-2:] == ["row", "checkpoint"]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_what_was_published_with_cosignatures_is_safe_before_a_reader_sees_it(tmp_path):
    directory = tmp_path / "log"
    new_log(directory).close()
    said = list(replay(directory, tmp_path / "trace", "254,1,1,1", "cosigned"))
    assert [word for word, _ in said] == ["ack", "seen"] * 4
    for word, seen in said:
        # 4 before the acknowledgement; then the lock database's own copy, and 6.
        assert seen[-2:] == (["tile", "row"] if word == "ack" else ["row", "checkpoint"])
