"""Another root: gateways follow it, whatever is killed while it is made."""

import copy
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Root, TargetFile

from edge_gateway.updates.errors import UntrustedError
from tests.edge_gateway.release_stand import (
    DIGEST,
    NAME,
    PASSPHRASE,
    Stand,
    custom,
    now,
    past,
)
from trifleet.releases import keyfiles, keyring
from trifleet.releases.errors import ReleaseError
from trifleet.releases.repository import Lifetimes
from trifleet.releases.rootchange import Changed, change_root

BUNDLE = b"a bundle" * 999


class Killed(BaseException):
    """Power goes."""


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    made = Stand(tmp_path)
    made.publish(BUNDLE)
    assert fetched(made) == BUNDLE  # this gateway knows the first root and what it signed
    return made


def fetched(stand: Stand) -> bytes:
    return stand.client().get(NAME, DIGEST).path.read_bytes()


def change(stand: Stand, *names: str) -> Changed:
    return change_root(stand.repository, PASSPHRASE, now(), names)


def key(stand: Stand, name: str) -> Path:
    folder = stand.repository.folder
    return folder / "timestamp.key" if name == "timestamp" else folder / "keys" / f"{name}.key"


def version(stand: Stand) -> int:
    return stand.repository.states()[0].version


def test_a_gateway_follows_a_root_that_lives_longer(tmp_path: Path) -> None:
    old = Stand(tmp_path, Lifetimes(root=timedelta(seconds=-1)))
    old.publish(BUNDLE)
    with pytest.raises(UntrustedError, match="expired"):
        old.client().get(NAME, DIGEST)
    old.repository.lifetimes = Lifetimes()
    assert change(old) == Changed(frozenset(), False)
    assert fetched(old) == BUNDLE and version(old) == 2


@pytest.mark.parametrize("name", keyring.NAMES)
def test_each_key_can_be_replaced_and_counts_no_more(stand: Stand, name: str) -> None:
    before = key(stand, name).read_bytes()
    assert change(stand, name) == Changed(frozenset({name}), False)
    assert key(stand, name).read_bytes() != before
    assert key(stand, name).stat().st_mode & 0o777 == 0o600
    assert not list(stand.repository.folder.rglob("*.next.key"))
    assert fetched(stand) == BUNDLE
    stand.publish(b"newer", "app-8.tfr", 8)
    assert stand.client().get("app-8.tfr", DIGEST).path.read_bytes() == b"newer"
    key(stand, name).write_bytes(before)
    if name in keyring.ROLES:
        with pytest.raises(ReleaseError, match=f"believes another key for {name}"):
            stand.repository.refresh(PASSPHRASE, now())
    else:
        others = [one for one in keyring.ROOTS if one != name]
        key(stand, others[0]).unlink()
        with pytest.raises(ReleaseError, match=r"2 of the root's keys are needed and 1"):
            change(stand)


def test_all_keys_at_once_and_then_again(stand: Stand) -> None:
    for expected in (2, 3):
        assert change(stand, *keyring.NAMES).replaced == set(keyring.NAMES)
        assert version(stand) == expected
    # A gateway that slept through both goes from the first root to the last one.
    stand.folder = stand.folder / "another"
    assert fetched(stand) == BUNDLE


@pytest.mark.parametrize("lost", keyring.ROOTS)
def test_a_root_key_that_is_lost_is_replaced_with_the_other_two(stand: Stand, lost: str) -> None:
    key(stand, lost).unlink()
    change(stand, lost)
    others = [one for one in keyring.ROOTS if one != lost]
    key(stand, others[0]).unlink()
    change(stand, others[0])  # the new one signs
    assert fetched(stand) == BUNDLE


def test_two_lost_root_keys_are_too_many(stand: Stand) -> None:
    for name in keyring.ROOTS[:2]:
        key(stand, name).unlink()
    with pytest.raises(ReleaseError, match="2 of the root's keys are needed and 1"):
        change(stand, "root-1")
    assert version(stand) == 1 and not list(stand.repository.folder.rglob("*.next.key"))


def test_what_is_wrong_changes_nothing(stand: Stand) -> None:
    before = snapshot(stand)
    with pytest.raises(ReleaseError, match="no key is named root-4: root-1, root-2"):
        change(stand, "root-4")
    with pytest.raises(ReleaseError, match="another passphrase"):
        change_root(stand.repository, b"another passphrase", now(), ("targets",))
    assert snapshot(stand) == before
    timestamp = stand.repository.folder / "metadata/timestamp.json"
    document = json.loads(timestamp.read_text())
    document["signed"]["version"] += 1
    timestamp.write_text(json.dumps(document))
    with pytest.raises(ReleaseError, match=r"timestamp.json does not hold"):
        change(stand, "targets")
    assert version_on_disk(stand) == 1


class Thief:
    """He may write what is online, and has keys of his own; `stolen` are some of ours."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.metadata = stand.repository.metadata
        other = Stand(stand.folder / "thief")
        self.own = keyring.KeyRing(other.repository.folder, PASSPHRASE)
        self.his_root = self.own.newest_root()
        self.our_root = self.metadata.root()

    def stolen(self, count: int) -> list[CryptoSigner]:
        ours = keyring.KeyRing(self.stand.repository.folder, PASSPHRASE)
        return [*ours.roots(self.our_root.roles["root"].keyids).values()][:count]

    def roots(self) -> list[CryptoSigner]:
        return [*self.own.roots(self.his_root.roles["root"].keyids).values()]

    def mixed(self, version: int) -> Root:
        """Our root with his keys beside ours in every role."""
        root = copy.deepcopy(self.our_root)
        root.version = version
        for name in keyring.NAMES:
            signer = self.own.of_role(name, [self.own._open(self.own.path(name)).public_key.keyid])
            root.add_key(signer.public_key, keyring.role_of(name))
        return root

    def puts_evil(self) -> None:
        """Targets, snapshot and timestamp with a release of his, signed by his keys."""
        documents = self.stand.repository.documents(self.our_root)
        info = TargetFile.from_data("evil.tfr", b"evil", ["sha256"])
        info.unrecognized_fields["custom"] = custom(99)
        documents[0].targets = {"evil.tfr": info, "evil.tfr.receipt": info}
        signers = self.own
        for one in documents:
            one.version += 1
        documents[1].meta["targets.json"].version = documents[0].version
        documents[2].snapshot_meta.version = documents[1].version
        names = (f"{documents[0].version}.targets", f"{documents[1].version}.snapshot", "timestamp")
        for one, name in zip(documents, names, strict=True):
            signer = signers.of_role(one.type, self.his_root.roles[one.type].keyids)
            self.metadata.write(one, f"{name}.json", [signer])


def test_a_thief_with_one_root_key_is_nobody(stand: Stand) -> None:
    """He signs a root of his own with it and puts it where gateways look."""
    thief = Thief(stand)
    root = thief.his_root
    root.version = 2
    thief.metadata.write(root, "2.root.json", [*thief.stolen(1), *thief.roots()])
    with pytest.raises(UntrustedError):
        fetched(stand)


@pytest.mark.parametrize("number", [1, 2, 99])
def test_a_root_that_a_thief_put_online_is_never_continued(stand: Stand, number: int) -> None:
    """It names our keys beside his, and is signed by his: our keys must sign nothing below it."""
    thief = Thief(stand)
    before = {name: key(stand, name).read_bytes() for name in keyring.NAMES}
    thief.metadata.write(thief.mixed(number), f"{number}.root.json", thief.roots())
    thief.puts_evil()
    asks: list[Callable[[], object]] = [
        lambda: change(stand),
        lambda: change(stand, "targets"),
        lambda: stand.repository.refresh(PASSPHRASE, now()),
        lambda: stand.publish(b"newer", "app-8.tfr", 8),
    ]
    for ask in asks[number == 1 :]:
        match = "does not hold" if number == 1 else "somebody put it there who may not"
        with pytest.raises(ReleaseError, match=match):
            ask()
    if number == 1:
        # Ours is online again, and the next one goes on from ours.
        change(stand)
        assert {*stand.repository.metadata.roots.get(1).keys} == {*thief.our_root.keys}
        assert {*stand.repository.metadata.roots.get(2).keys} == {*thief.our_root.keys}
    assert before == {name: key(stand, name).read_bytes() for name in keyring.NAMES}
    stand.folder = stand.folder / "another gateway"
    with pytest.raises(UntrustedError):
        stand.client().get("evil.tfr", DIGEST)


def test_a_key_that_a_thief_left_online_is_not_taken(stand: Stand) -> None:
    left = stand.repository.folder / "timestamp.next.key"
    evil = keyfiles.generate(left, None)
    change(stand, "timestamp")
    assert evil.public_key.keyid not in stand.repository.metadata.root().keys
    assert key(stand, "timestamp").read_bytes() != left.read_bytes()


@pytest.mark.parametrize("name", ["targets", "snapshot", "timestamp"])
def test_a_lost_key_is_noticed_before_anything_is_written(stand: Stand, name: str) -> None:
    lost = key(stand, name).read_bytes()
    key(stand, name).unlink()
    others = [one for one in keyring.ROLES if one != name]
    before = snapshot(stand)
    with pytest.raises(ReleaseError, match=f"{name}.key is not there"):
        change(stand, others[0])
    assert snapshot(stand) == before
    change(stand, others[0], name)
    assert key(stand, name).read_bytes() != lost and fetched(stand) == BUNDLE


def test_new_keys_and_roots_are_durable_before_they_are_believed(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every name that was put into a folder, and every folder that was synced, in order."""
    seen: list[str] = []
    replace, sync = Path.replace, os.fsync

    def replaced(path: Path, target: Path) -> Path:
        seen.append(str(target.relative_to(stand.repository.folder)))
        return replace(path, target)

    def synced(handle: int) -> None:
        where = Path(os.readlink(f"/proc/self/fd/{handle}"))
        if where.is_dir():
            seen.append(f"{where.relative_to(stand.repository.folder)}/")
        sync(handle)

    monkeypatch.setattr(Path, "replace", replaced)
    monkeypatch.setattr(os, "fsync", synced)
    change(stand, "root-1", "timestamp")
    assert seen[:8] == [
        "keys/root-1.next.key",
        "keys/",
        "keys/timestamp.next.key",
        "keys/",
        "keys/2.root.json",
        "keys/",
        "metadata/2.root.json",
        "metadata/",
    ]
    assert seen[-5:] == ["keys/root-1.key", "keys/", "timestamp.key", "./", "keys/"]
    seen.clear()
    stand.publish(b"newer", "app-8.tfr", 8)
    assert seen[2] == "targets/" and seen[3].startswith("metadata/")


def test_a_writer_that_does_not_end_is_told(stand: Stand) -> None:
    with stand.repository.alone(), pytest.raises(ReleaseError, match="another program writes"):
        stand.repository.refresh_timestamp(now(), wait_s=0.05)


def test_the_lock_is_no_way_to_another_file(stand: Stand) -> None:
    lock = stand.repository.folder / "lock"
    lock.unlink()
    lock.symlink_to("keys/root-1.key")
    before = key(stand, "root-1").read_bytes()
    with pytest.raises(OSError, match="symbolic link"):
        stand.repository.refresh(PASSPHRASE, now())
    assert key(stand, "root-1").read_bytes() == before


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b'{"signed": 1}', b"[" * 5_000])
def test_a_damaged_root_is_told(stand: Stand, data: bytes) -> None:
    (stand.repository.folder / "metadata/1.root.json").write_bytes(data)
    with pytest.raises(ReleaseError, match=r"1\.root\.json does not hold"):
        stand.repository.states()
    stand.repository.refresh(PASSPHRASE, now())  # the one beside the keys is online again
    assert version(stand) == 1


def test_a_document_of_another_kind_is_no_root(stand: Stand) -> None:
    folder = stand.repository.folder / "metadata"
    (folder / "1.root.json").write_bytes((folder / "timestamp.json").read_bytes())
    (folder / "\u00b2.root.json").write_bytes(b"")
    with pytest.raises(ReleaseError, match="metadata of another kind"):
        stand.repository.states()


@pytest.mark.parametrize(
    "names", [(), ("timestamp",), ("root-2",), keyring.NAMES], ids=["same", "online", "one", "all"]
)
def test_it_is_killed_at_every_write_and_finished_by_the_same_command(
    tmp_path: Path, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in itertools.count():
        stand = Stand(tmp_path / str(number))
        stand.publish(BUNDLE)
        fetched(stand)
        with power(number, monkeypatch) as went:
            change(stand, *names)
        if not went:
            break
        with power(number // 2, monkeypatch):
            change(stand, *names)
        again = change(stand, *names)
        assert not list(stand.repository.folder.rglob("*.next.key"))
        assert again.was_begun or again.replaced == set(names)
        # Nothing holds two roots in one: what a gateway believes is what these keys sign.
        assert fetched(stand) == BUNDLE
        stand.repository.refresh_timestamp(now())
        stand.publish(b"newer", "app-8.tfr", 8)
        assert stand.client().get("app-8.tfr", DIGEST).path.read_bytes() == b"newer"
        change(stand)
    # Each new key and the root twice, and what such a key signs: none was left out.
    assert number == 2 * len(names) + 2 + 3 * bool({*names} & {*keyring.ROLES})


def test_an_interrupted_change_is_finished_and_no_other_begun(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = stand.repository.folder / "metadata/2.root.json"
    with power_after(roots, monkeypatch):
        change(stand, "targets")
    for ask in (stand.repository.refresh, lambda *_: stand.publish(b"newer", "app-8.tfr", 8)):
        with pytest.raises(ReleaseError, match="a change of the root was interrupted"):
            ask(PASSPHRASE, now())
    assert change(stand, "snapshot") == Changed(frozenset({"targets"}), True)
    assert version(stand) == 2 and fetched(stand) == BUNDLE
    assert change(stand, "snapshot") == Changed(frozenset({"snapshot"}), False)
    assert version(stand) == 3 and fetched(stand) == BUNDLE


def test_the_state_says_what_ends_when(stand: Stand) -> None:
    stand.repository.refresh_timestamp(past(3))
    states = {one.role: one for one in stand.repository.states()}
    assert list(states) == ["root", "targets", "snapshot", "timestamp"]
    assert states["timestamp"].ends < now() < states["root"].ends - timedelta(days=700)
    assert [states[name].version for name in ("targets", "timestamp")] == [2, 3]


def test_two_writers_take_turns(stand: Stand) -> None:
    """A timer that signs timestamps while somebody publishes: nothing of his is taken back."""
    code = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from trifleet.releases.repository import Repository\n"
        "one = Repository(Path(sys.argv[1]))\n"
        "print('up', flush=True)\n"
        "for _ in range(60): one.refresh_timestamp(datetime.now(UTC))\n"
    )
    line = [sys.executable, "-c", code, str(stand.repository.folder)]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as timer:
        assert timer.stdout is not None and timer.stdout.readline() == b"up\n"
        for number in range(10, 20):
            stand.publish(b"%d" % number, f"app-{number}.tfr", number)
        assert timer.wait(60) == 0
    assert len(stand.repository.targets()) == 2 * 11
    states = {one.role: one.version for one in stand.repository.states()}
    assert states["timestamp"] == 2 + 60 + 10 and states["snapshot"] == 2 + 10


def snapshot(stand: Stand) -> dict[str, bytes]:
    folder = stand.repository.folder
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def version_on_disk(stand: Stand) -> int:
    return len(list((stand.repository.folder / "metadata").glob("*.root.json")))


@contextmanager
def power(after: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Power goes before the operation with this number that makes something durable: a file put
    in its place. The list is empty where there were fewer."""
    with killing(lambda count, _: count == after, monkeypatch) as went:
        yield went


@contextmanager
def power_after(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with killing(lambda _, __: path.exists(), monkeypatch) as went:
        yield
    assert went


@contextmanager
def killing(
    ends: Callable[[int, Path], bool], monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[int]]:
    count, went = 0, list[int]()
    replace = Path.replace

    def counted(path: Path, target: Path) -> Path:
        nonlocal count
        if ends(count, target):
            went.append(count)
            raise Killed
        count += 1
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", counted)
        try:
            yield went
        except Killed:
            assert went
