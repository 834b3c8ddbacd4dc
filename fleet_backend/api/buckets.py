"""Token buckets: how often each client may POST. Pure but for the clock that is passed in."""

import math
from collections import OrderedDict

MAX_CLIENTS = 10_000


class Buckets:
    """`burst` requests at once, `per_minute` in the long run; the least recent client is forgotten.

    To forget a client fills its bucket, so the memory is bounded and errs on the generous side.
    """

    def __init__(self, burst: int, per_minute: int) -> None:
        self._burst = float(burst)
        self._rate = per_minute / 60
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, now: float) -> int:
        """0 where the request may pass, else the seconds to wait."""
        level, since = self._clients.pop(client, (self._burst, now))
        level = min(self._burst, level + max(0.0, now - since) * self._rate)
        passes = level >= 1
        self._clients[client] = (level - 1 if passes else level, now)
        if len(self._clients) > MAX_CLIENTS:
            self._clients.popitem(last=False)
        return 0 if passes else max(1, math.ceil((1 - level) / self._rate))
