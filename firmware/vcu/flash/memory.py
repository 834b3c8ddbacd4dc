"""Everything that survives a power cut, opened in the one order that is safe. The vehicle and the
tests of power cuts start with the same lines."""

from protocol import mac

from vcu.flash.files import Damage
from vcu.flash.journal import MOST_FILES, Journal
from vcu.flash.provision import Provision
from vcu.flash.records import Outbox
from vcu.flash.store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


class Memory:
    """`folder` is "" or ends with a slash; `time()` are seconds since 1970, or 0."""

    def __init__(
        self, folder: str, time: "Callable[[], int]", most_files: int = MOST_FILES
    ) -> None:
        self._damage = Damage()
        self._journal = journal = Journal(folder, self._damage, most_files)
        # 1. What is left of earlier boots: their records name the last one, whatever `life` says.
        journal.open()
        self.store = Store(folder, self._damage)
        # 2. The rights, and a number for this boot, on flash before its first record.
        self.provision = Provision(self.store, journal.newest_boot, time())
        key = self.provision.key
        tag = mac.Hmac(mac.record_key(key)).tag if key else None
        self.outbox = Outbox(self.provision.vehicle, self.provision.state.boot, tag, journal, time)

    def note(self, name: str) -> None:
        """A file that somebody else reads was not what was written there."""
        self._damage.note(name)

    def damage(self) -> "dict[str, int]":
        """How often which file was not what was written there, since the start."""
        return self._damage.counts

    def health_sources(self) -> "list[Any]":
        """What vcu/health.py reads: key, object, attribute."""
        journal = self._journal
        return [21, journal, "unsent", 22, journal, "thinned", 23, self._damage, "total"]
