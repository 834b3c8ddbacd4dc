"""Another root: for two more years, and with other keys where one is lost, stolen or old.

Gateways go from root to root: they believe the next one when two keys of the one before and two of
its own have signed it. Order of durable writes, and what is true if it ends right after each:
1. the new keys, each beside the old one: nobody believes them;
2. the new root beside the keys: that is the decision; the next try brings it online;
3. the new root online: gateways believe the new keys, and wait for what these sign;
4. targets, snapshot and timestamp, where one of their keys is another: gateways go on;
5. the new key in the place of the old one, which is gone.
After 1 the next try takes the keys that are there. After 2 it ends this change and begins no other.
"""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tuf.api.metadata import Root

from trifleet.releases import keyring
from trifleet.releases.errors import ReleaseError
from trifleet.releases.keyring import KeyRing, role_of
from trifleet.releases.metadata import signed_by
from trifleet.releases.repository import ROOT_THRESHOLD, Repository, ending


@dataclass(frozen=True)
class Changed:
    """What was done: which keys are new, and whether that was an earlier change's end."""

    replaced: frozenset[str]
    was_begun: bool


def change_root(
    repository: Repository, passphrase: bytes, now: datetime, replace: Iterable[str] = ()
) -> Changed:
    """Sign the next root; `replace` names keys (`keyring.NAMES`) whose place a new one takes.

    Raises ReleaseError.
    """
    asked = set(replace)
    if unknown := asked - set(keyring.NAMES):
        raise ReleaseError(f"no key is named {min(unknown)}: {', '.join(keyring.NAMES)}")
    with repository.alone():
        keys = KeyRing(repository.folder, passphrase)
        root = keys.newest_root()
        repository.put_online(keys)
        begun = keys.begun()
        was_written = _is_written(root, keys, begun)
        names = begun if was_written else asked | begun
        if not was_written:
            _check(repository, root, keys, names)
            _write_next(repository, root, keys, names, now)
        _finish(repository, keys, names, now)
    return Changed(frozenset(names), was_written)


def _is_written(root: Root, keys: KeyRing, begun: set[str]) -> bool:
    """Whether an interrupted try came as far as the root."""
    return bool(begun) and all(
        keys.next(name).public_key.keyid in root.roles[role_of(name)].keyids for name in begun
    )


def _check(repository: Repository, root: Root, keys: KeyRing, names: set[str]) -> None:
    """All that the change needs is here, before anything is written."""
    here = len(keys.roots(root.roles["root"].keyids))
    if here < ROOT_THRESHOLD:
        raise ReleaseError(
            f"{ROOT_THRESHOLD} of the root's keys are needed and {here} can be opened here:"
            " bring the files keys/root-1.key, root-2.key, root-3.key together"
        )
    if not names & set(keyring.ROLES):
        return
    repository.documents(root)  # what is signed anew must hold
    for name in set(keyring.ROLES) - names:
        keys.of_role(name, root.roles[name].keyids)


def _write_next(
    repository: Repository, root: Root, keys: KeyRing, names: set[str], now: datetime
) -> None:
    following = copy.deepcopy(root)
    following.version += 1
    following.expires = ending(now, repository.lifetimes.root)
    for name in sorted(names):
        believed = following.roles[role_of(name)].keyids
        old = keys.id_of_root(name, believed) if name in keyring.ROOTS else believed[0]
        # 1. The new keys.
        new = keys.next(name).public_key
        if new.keyid != old:
            following.revoke_key(old, role_of(name))
            following.add_key(new, role_of(name))
    signers = keys.roots({*root.roles["root"].keyids, *following.roles["root"].keyids})
    document = signed_by(following, signers.values())
    found = following.get_root_verification_result(root, document.signed_bytes, document.signatures)
    if not found.verified:
        raise ReleaseError("the next root would not be believed: too few of the root's keys")
    # 2. From here on the new ones count.
    keys.signed.put(following.version, document.to_bytes())


def _finish(repository: Repository, keys: KeyRing, names: set[str], now: datetime) -> None:
    # 3. Gateways may see it.
    repository.put_online(keys)
    if names & set(keyring.ROLES):
        # 4. What stands was signed by the keys of the root before, or, done again, by the new ones.
        root = keys.newest_root()
        repository.sign_again(keys, now, root, keys.signed.get(root.version - 1))
    for name in sorted(names):
        # 5. Nobody believes the old one any more.
        keys.settle(name)
