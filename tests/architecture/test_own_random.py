"""A thread that draws beside the tests leaves the shared generator as it is."""

import random
import threading


def test_a_thread_draws_from_its_own() -> None:
    before = random.getstate()
    drawn: list[float] = []
    thread = threading.Thread(target=lambda: drawn.append(random.uniform(0.0, 1.0)))
    thread.start()
    thread.join()
    assert 0.0 <= drawn[0] <= 1.0 and random.getstate() == before
    random.random()
    assert random.getstate() != before
