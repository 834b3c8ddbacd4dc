"""Ed25519 checks of a whole batch, over threads: libsodium lets go of the interpreter's lock.

libsodium, because it takes 0.6 of the time of `cryptography` for the same verdict. It refuses more:
keys and R of small order, which no gateway makes; it accepts nothing that `cryptography` refuses,
or a receipt could show a statement that its verifier calls forged. Tests hold both to that.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, Self

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

KEY_BYTES = 32
SIGNATURE_BYTES = 64
# Below that many for a thread, handing them over costs more than it gains.
LEAST_SHARE = 16
MOST_THREADS = 16


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


class SignaturePool:
    """Checks batches. `check` from one thread; it works along while the others do."""

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
        """A verdict each, in their order."""
        with self._timed():
            return self._check(checks)

    def _check(self, checks: Sequence[Check]) -> list[bool]:
        shares = max(min(self._threads, len(checks) // LEAST_SHARE), 1)
        if self._pool is None or shares == 1:
            return _check_all(checks)
        size = -(-len(checks) // shares)
        parts = [checks[at : at + size] for at in range(0, len(checks), size)]
        others = [self._pool.submit(_check_all, part) for part in parts[1:]]
        verdicts = _check_all(parts[0])
        for other in others:
            verdicts += other.result()
        return verdicts

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _check_all(checks: Sequence[Check]) -> list[bool]:
    return [verify(*one) for one in checks]
