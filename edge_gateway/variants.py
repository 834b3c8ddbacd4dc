"""Different records of one name: how many are stored, and what an answer must not pass. Pure.

One of them is the vehicle's. A few are stored at once, further ones at a slow pace; one that has to
wait holds back the answers, so that the vehicle keeps it and sends it again.
"""

from collections import OrderedDict

from edge_gateway.window import Name

AT_ONCE = 4
# Twice the time in which a vehicle sends again: a hold whose record does not come again ends.
_HOLD_S = 5.0
_HOLDS = 64


class Pace:
    """A bucket of `burst` tokens, filled with `per_s`. The caller brings the time."""

    def __init__(self, burst: int, per_s: float) -> None:
        self._burst = burst
        self._per_s = per_s
        self._tokens = float(burst)
        self._at_s = 0.0

    def take(self, now_s: float) -> bool:
        """One token, if there is one."""
        gained = max(0.0, now_s - self._at_s) * self._per_s
        self._tokens = min(self._burst, self._tokens + gained)
        self._at_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Variants:
    """Decides about a record whose name is taken by other bytes."""

    def __init__(self) -> None:
        self._pace = Pace(16, 4.0)
        self._holds: OrderedDict[tuple[Name, bytes], float] = OrderedDict()

    def admit(self, name: Name, mark: bytes, known: int, now_s: float) -> bool:
        """Whether to store it, `known` others being stored. If not, its name is held."""
        if known < AT_ONCE or self._pace.take(now_s):
            self._holds.pop((name, mark), None)
            return True
        self.hold(name, mark, now_s)
        return False

    def hold(self, name: Name, mark: bytes, now_s: float) -> None:
        """This record came and is not stored: no answer passes it while it comes again."""
        self._holds.pop((name, mark), None)
        self._holds[name, mark] = now_s + _HOLD_S
        if len(self._holds) > _HOLDS:
            self._holds.popitem(last=False)

    def holds(self, told: Name | None, up_to: Name, now_s: float) -> bool:
        """Whether an answer up to this name passes a record that waits.

        What is not beyond `told` the vehicle was rid of already: only a forger sends it.
        """
        while self._holds and next(iter(self._holds.values())) <= now_s:
            self._holds.popitem(last=False)
        return any(name <= up_to and (told is None or name > told) for name, _ in self._holds)
