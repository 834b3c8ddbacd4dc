"""The bytes of one bundle on their way into a slot, taken in pieces of any size."""

from protocol import update

from vcu.update.install import Install, InstallError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Transfer:
    """Arguments as for Install. `outcome` is None while it goes on, then a code of
    protocol.update."""

    def __init__(self, trust: "Any", slots: "Any", floor: int, digest: bytes, size: int) -> None:
        self.digest = digest
        self.size = size
        self.slots = slots
        self.offset = 0  # bytes taken so far
        self.outcome: int | None = None
        self.install = Install(trust, slots, floor, digest, size)
        self._steps: Any = self.install.steps()
        self._wanted: int = next(self._steps)
        self._data = self._stash = b""
        self._at = 0

    def take(self, data: bytes) -> None:
        """Only while it has no work."""
        self.offset += len(data)
        self._data, self._at = data, 0

    def has_work(self) -> bool:
        return self.outcome is None and (self._wanted == 0 or self._at < len(self._data))

    def step(self) -> None:
        """One short piece of work."""
        try:
            self._advance()
        except StopIteration:
            self.outcome = update.DONE
        except InstallError as error:
            self.end(error.code)
        except MemoryError:
            self.end(update.SPACE)

    def end(self, code: int) -> None:
        """It comes to nothing."""
        self.outcome = code
        self.slots.abandon()
        self._data = self._stash = b""

    def _advance(self) -> None:
        if not self._wanted:
            self._wanted = next(self._steps)
            return
        piece = self._data[self._at : self._at + self._wanted - len(self._stash)]
        self._at += len(piece)
        self._stash = self._stash + piece if self._stash else piece
        if len(self._stash) == self._wanted:
            piece, self._stash = self._stash, b""
            self._wanted = self._steps.send(piece)
