"""Ed25519 of a whole batch, over threads: libsodium lets go of the interpreter's lock.

libsodium, because it takes 0.6 of the time of `cryptography` for the same verdict. It refuses more:
keys and R of small order, which no gateway makes; it accepts nothing that `cryptography` refuses,
or a receipt could show a statement that its verifier calls forged. Tests hold both to that.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import NamedTuple, Self, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError

KEY_BYTES = 32
SIGNATURE_BYTES = 64
# Below that many for a thread, handing them over costs more than it gains.
LEAST_SHARE = 16
MOST_THREADS = 16

T = TypeVar("T")
R = TypeVar("R")


class Check(NamedTuple):
    """One signature to check: is it `key`'s over `message`?"""

    key: bytes
    message: bytes
    signature: bytes


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """RFC 8032, without the cofactor; anything of a wrong length is no signature."""
    if len(key) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, key)
    except BadSignatureError:
        return False
    return True


def verifier(key: bytes) -> Callable[[bytes, bytes], bool]:
    """`verify(message, signature)` of one key."""
    return lambda message, signature: verify(key, message, signature)


def signing_key(key: Ed25519PrivateKey) -> bytes:
    """A key as `SignaturePool.sign` takes it; as secret as it was before."""
    return crypto_sign_seed_keypair(key.private_bytes_raw())[1]


class SignaturePool:
    """For one thread, which works along while the others do. Answers are in the order asked."""

    def __init__(
        self,
        threads: int,
        timed: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """0: as many as there are cores that this process may use. `timed` is around each batch."""
        self._timed = timed
        self._threads = min(threads or len(os.sched_getaffinity(0)), MOST_THREADS)
        self._pool: ThreadPoolExecutor | None = None
        if self._threads > 1:
            self._pool = ThreadPoolExecutor(self._threads - 1, "signatures")

    def check(self, checks: Sequence[Check]) -> list[bool]:
        """A verdict each."""
        with self._timed():
            return self._spread(_check_all, checks)

    def sign(self, key: bytes, messages: Sequence[bytes]) -> list[bytes]:
        """A signature each, by what `signing_key` gave."""
        return self._spread(partial(_sign_all, key), messages)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _spread(self, work: Callable[[Sequence[T]], list[R]], items: Sequence[T]) -> list[R]:
        shares = max(min(self._threads, len(items) // LEAST_SHARE), 1)
        if self._pool is None or shares == 1:
            return work(items)
        size = -(-len(items) // shares)
        parts = [items[at : at + size] for at in range(0, len(items), size)]
        others = [self._pool.submit(work, part) for part in parts[1:]]
        done = work(parts[0])
        for other in others:
            done += other.result()
        return done


def _check_all(checks: Sequence[Check]) -> list[bool]:
    return [verify(*one) for one in checks]


def _sign_all(key: bytes, messages: Sequence[bytes]) -> list[bytes]:
    return [crypto_sign(one, key)[:SIGNATURE_BYTES] for one in messages]
