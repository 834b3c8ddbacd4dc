"""Types on the bench's panel: `micropython panel_scenario.py FOLDER STEPS`, the same with python.

STEPS has one JSON list a line: [name, argument, ...]. Prints the records and what the panel showed,
as JSON lines, so that both interpreters can be compared.
"""

import gc
import json
import os
import sys

sys.path.insert(0, __file__.rsplit("/", 1)[0] if "/" in __file__ else ".")

image_bytes = 0
if os.getenv("APPLICATION"):
    import rom

    image_bytes = rom.mount(os.getenv("APPLICATION"))

from panel_bench import PanelBench  # noqa: E402  (found in the image)


def present(bench, path):
    with open(path, "rb") as file:
        bench.present(file.read(4095))
    bench.run(100)


def code(bench, digits):
    bench.type(digits)
    bench.settle()


STEPS = {
    "present": present,
    "code": code,
    "egress": PanelBench.egress,
    "inputs": PanelBench.inputs,
    "speed": PanelBench.speed,
    "run": PanelBench.run,
}


def plain(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return [[key, plain(value[key])] for key in sorted(value)]
    return value


def main():
    if hasattr(gc, "threshold"):
        gc.threshold(32_768)  # as vcu.app does
    bench = PanelBench(sys.argv[1])
    bench.run(1_500)
    with open(sys.argv[2]) as file:
        for line in file:
            step = json.loads(line)
            STEPS[step[0]](bench, *step[1:])
    for made in bench.gateway.records:
        print(json.dumps(["record", made.seq, made.uptime_ms, made.kind, plain(made.body)]))
    for at_ms, signals in bench.panels:
        print(json.dumps(["panel", at_ms, plain(signals)]))
    print(json.dumps(["missed", [cycle.missed for cycle in bench.vcu.cycles]]))


main()
