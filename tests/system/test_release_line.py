"""A bundle through a real broker and the real ingest, with one message in ten lost each way."""

import random
from pathlib import Path

from protocol import delivery
from tests.bench.ota_site import Loss, Site


def test_a_bundle_comes_whole_through_broker_and_ingest(tmp_path: Path) -> None:
    bundle = random.Random(3).randbytes(6 * delivery.PIECE + 5)
    loss = Loss(0.1, seed=11)
    found, _ = Site(tmp_path, bundle, loss).fetch()
    assert found.path.read_bytes() == bundle
    assert found.receipt.read_bytes() == bytes(3_000)
    assert loss.lost > 0
