"""Plays a scenario on the bench: `micropython scenario.py FOLDER STEPS`, the same with python.

STEPS has one JSON list a line: [name, argument, ...]; a presentation is named by its file.
Prints what the vehicle recorded and said on the bus, as JSON lines, so that both interpreters can
be compared.
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

from vcu_bench import Bench  # noqa: E402  (found in the image)


def heap(bench):
    gc.collect()
    if hasattr(gc, "mem_alloc"):
        print(json.dumps(["heap", gc.mem_alloc() - image_bytes, gc.mem_free()]))


def present(bench, path):
    with open(path, "rb") as file:
        bench.present(file.read(4095))
    bench.run(100)


def request(bench, path):
    with open(path, "rb") as file:
        bench.gateway.request(file.read(4095))
    bench.run(1_000)


def run(bench, ms):
    bench.run(ms)


STEPS = {
    "heap": heap,
    "present": present,
    "request": request,
    "run": run,
    "speed": Bench.speed,
    "stop": Bench.stop,
    "inputs": Bench.inputs,
}


def plain(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return [[key, plain(value[key])] for key in sorted(value)]
    return value


def report(bench):
    for made in bench.gateway.records:
        when = [made.boot, made.seq, made.uptime_ms, made.time]
        print(json.dumps(["record", when, made.kind, plain(made.body)]))
    bench.gateway.records = []
    for name, seen in (("drive", bench.drives), ("lock", bench.locks)):
        for at_ms, signals in seen:
            print(json.dumps([name, at_ms, plain(signals)]))
        del seen[:-1]


def main():
    if hasattr(gc, "threshold"):
        gc.threshold(32_768)  # as vcu.app does
    bench = Bench(sys.argv[1])
    bench.run(1_500)
    report(bench)
    with open(sys.argv[2]) as file:
        for line in file:
            step = json.loads(line)
            STEPS[step[0]](bench, *step[1:])
            report(bench)
    print(json.dumps(["frames", plain(bench.frames)]))


main()
