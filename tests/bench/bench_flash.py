"""Flash of the whole application over a serial line of 115,200 baud, in bytes a second beside the
limit of the rate in the same run. The virtual board's terminal has no rate: a cable in between
clocks the bytes out, with the latency of a USB adapter at its best and as usual.

Fails where the stream fills less than 80 % of the line, or the whole flash takes more than one and
a half times what the uncompressed bytes would take at the full rate.
"""

import json
import sys
from pathlib import Path

from tests.bench.flash_figures import stream_alone, whole_flash
from workbench.application import collect_application

BAUD = 115_200
LATENCIES_MS = (1, 16)
LEAST_SHARE_PERCENT = 80.0
MOST_TIMES = 1.5


def main() -> int:
    files = collect_application(Path(__file__).resolve().parents[2])
    too_slow = 0
    for latency_ms in LATENCIES_MS:
        stream = stream_alone(files, BAUD, latency_ms)
        whole = whole_flash(files, BAUD, latency_ms)
        print(json.dumps({"measurement": f"stream of the image at {BAUD} baud"} | stream))
        print(json.dumps({"measurement": f"whole flash at {BAUD} baud"} | whole), flush=True)
        share, seconds = stream["share_of_line_percent"], whole["seconds"]
        bare = whole["seconds_uncompressed_at_the_limit"]
        assert isinstance(share, float) and isinstance(seconds, float) and isinstance(bare, float)
        too_slow += share < LEAST_SHARE_PERCENT or seconds > MOST_TIMES * bare
    return int(too_slow > 0)


if __name__ == "__main__":
    sys.exit(main())
