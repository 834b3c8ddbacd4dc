"""From `append` to a checkpoint that three of four local witnesses cosigned, at a steady rate."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))
sys.path.insert(0, str(Path(__file__).parents[1] / "witness"))
from ledger_tools import KEY, ORIGIN, SIGNER, open_log
from witness_server import Server, made

from fleet_backend.ledger.note import COSIGNATURE
from fleet_backend.ledger.policy import Policy, parse_policy
from fleet_backend.ledger.publisher import Publisher
from fleet_backend.ledger.writer import LedgerWriter, create_ledger

RATE_PER_S = 200
SECONDS = 20


@contextmanager
def four_witnesses(folder: Path) -> Iterator[tuple[Policy, list[Server]]]:
    """Four processes of `trifleet witness serve`, and the policy "three of them"."""
    with ExitStack() as running:
        servers, lines = [], [f"log {SIGNER.verifier.vkey}"]
        for number in range(4):
            keys = made(folder / str(number), f"witness.example/{number}")
            servers.append(running.enter_context(Server(folder / str(number))))
            ed25519 = next(key for key in keys if key.kind == COSIGNATURE)
            url = f"http://127.0.0.1:{servers[-1].port}"
            lines.append(f"witness w{number} {ed25519.vkey} {url}")
        lines += ["group four 3 w0 w1 w2 w3", "quorum four", ""]
        yield parse_policy("\n".join(lines).encode()), servers


def seconds_to_cosigned(directory: Path, policy: Policy) -> list[float]:
    """For every entry, from the call of `append` to its published checkpoint."""
    if not directory.exists():
        create_ledger(directory, ORIGIN, KEY)
    with open_log(directory, policy) as writer:
        publisher, stop = Publisher(writer, policy), threading.Event()
        publishing = threading.Thread(target=publisher.run, args=(stop,))
        publishing.start()
        watch = _Watch(writer)
        begun = time.perf_counter()
        while (elapsed := time.perf_counter() - begun) < SECONDS:
            # Entries arrive one by one at the given rate; each is appended as soon as can be.
            due = int(elapsed * RATE_PER_S) - len(watch.arrived)
            if due <= 0:
                time.sleep(0.001)
                continue
            watch.append(due, begun)
        taken = watch.finish()
        stop.set()
        publishing.join()
        publisher.close()
    return taken


class _Watch:
    """Notes when entries arrived, and when readers saw them."""

    def __init__(self, writer: LedgerWriter) -> None:
        self.arrived: list[float] = []
        self._writer = writer
        self._first = writer.size
        self._taken: list[float] = []
        self._thread = threading.Thread(target=self._look)
        self._ended = threading.Event()
        self._thread.start()

    def append(self, count: int, begun: float) -> None:
        number = len(self.arrived)
        self.arrived += [begun + at / RATE_PER_S for at in range(number, number + count)]
        self._writer.append([b"%d" % at + bytes(290) for at in range(number, number + count)])

    def finish(self) -> list[float]:
        self._ended.set()
        self._thread.join()
        return self._taken

    def _look(self) -> None:
        while not self._ended.is_set() or len(self._taken) < len(self.arrived):
            seen = self._writer.published
            now = time.perf_counter()
            size = 0 if seen is None else seen.size - self._first
            self._taken += [now - at for at in self.arrived[len(self._taken) : max(size, 0)]]
            time.sleep(0.001)


def rounds(folder: Path) -> Iterator[tuple[str, list[float]]]:
    """All four at work, then three while the fourth is stopped and answers nothing."""
    with four_witnesses(folder) as (policy, servers):
        yield "four of four answer", seconds_to_cosigned(folder / "log", policy)
        servers[0].process.send_signal(signal.SIGSTOP)
        yield "three of four answer", seconds_to_cosigned(folder / "log", policy)
