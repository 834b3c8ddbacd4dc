"""Threads of libraries draw from a generator of their own, not from the one that all share.

Hypothesis watches the shared one: the jitter before a next attempt (the OTLP exporter draws it in
its thread) looks to it as if a strategy had drawn. What the main thread draws is seen still.
"""

import random
import threading
from collections.abc import Callable
from typing import Any

_OWN = random.SystemRandom()
_NAMES = (
    *("random", "uniform", "randint", "randrange", "choice", "choices", "shuffle", "sample"),
    *("getrandbits", "gauss", "expovariate"),
)


def install() -> None:
    for name in _NAMES:
        setattr(random, name, _divided(getattr(random, name), getattr(_OWN, name)))


def _divided(shared: Callable[..., Any], own: Callable[..., Any]) -> Callable[..., Any]:
    def draw(*args: Any, **named: Any) -> Any:
        is_tests = threading.current_thread() is threading.main_thread()
        return (shared if is_tests else own)(*args, **named)

    return draw
