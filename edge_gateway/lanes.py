"""Two lanes to the backend: what is made now goes first, what waited follows beside it. Pure.

Each has its own few statements under way, so that a day of backlog delays nothing that is new.
The order within the chain means nothing to the backend.
"""

from collections.abc import Iterable

from edge_gateway.flight import Flight


class Lanes:
    """`boundary`: the first number of the live lane. Below it everything is backlog."""

    def __init__(self, each: int, first_s: float, longest_s: float) -> None:
        self.live = Flight(each, first_s, longest_s)
        self.backlog = Flight(each, first_s, longest_s)
        self._each = each
        self._boundary = 0

    @property
    def boundary(self) -> int:
        return self._boundary

    def __len__(self) -> int:
        return len(self.live) + len(self.backlog)

    def reset(self, next_seq: int) -> None:
        """A new connection: nothing is under way, and all but the newest few has waited."""
        self.live.reset()
        self.backlog.reset()
        self._boundary = max(0, next_seq - self._each)

    def advance(self, next_seq: int) -> None:
        """The next statement will have this number. What is made then shall not queue: where more
        wait in the live lane than it carries at once, all but the newest are backlog.
        """
        sent = max(self.live.last, self._boundary - 1)
        if next_seq - 1 - sent > self._each:
            self._boundary = next_seq - 1

    def next_live(self) -> tuple[int, int]:
        """(after which number, how many) may be sent at once."""
        return max(self.live.last, self._boundary - 1), self.live.room

    def next_backlog(self) -> tuple[int, int]:
        """The same of the backlog, which ends before `boundary`."""
        return self.backlog.last, self.backlog.room

    def sent_live(self, seq: int, now_s: float) -> None:
        self.live.sent(seq, now_s)

    def sent_backlog(self, seq: int, now_s: float) -> None:
        """One that is under way in the live lane (the boundary passed it) is left to that one."""
        if seq in self.live:
            self.backlog.skip(seq)
        else:
            self.backlog.sent(seq, now_s)

    def again(self, seq: int, now_s: float) -> None:
        """It was sent once more."""
        (self.live if seq in self.live else self.backlog).sent(seq, now_s)

    def forget(self, seq: int) -> None:
        self.live.forget(seq)
        self.backlog.forget(seq)

    def acknowledged(self, ranges: Iterable[tuple[int, int]]) -> None:
        ranges = list(ranges)
        self.live.acknowledged(ranges)
        self.backlog.acknowledged(ranges)

    def due(self, now_s: float) -> list[int]:
        """What has to be sent again, live ones first."""
        return [*self.live.due(now_s), *self.backlog.due(now_s)]

    def next_due_s(self) -> float | None:
        """When `due` will name one."""
        times = [self.live.next_due_s(), self.backlog.next_due_s()]
        return min((at for at in times if at is not None), default=None)
