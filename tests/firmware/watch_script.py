"""Plays looks and events: `micropython watch_script.py STEPS`, the same with python.

STEPS has one JSON list a line. Prints what was flagged and recorded, as JSON lines, so that both
interpreters can be compared.
"""

import json
import sys

sys.path.insert(0, __file__.rsplit("/", 1)[0] if "/" in __file__ else ".")

from vcu.crosscheck import CrossCheck
from vcu.odometer import Odometer
from watched import Vehicle


class Numbers:
    pass


def main(lines):
    check, odometer, numbers = CrossCheck(), Odometer(), Numbers()
    vehicle = Vehicle((2, numbers, "missed", 9, numbers, "bus_offs", 28, numbers, "supply_mv"))
    for line in lines:
        step = json.loads(line)
        kind, values = step[0], step[1:]
        if kind == "roll":
            odometer.add(values[0], values[1])
        elif kind == "look":
            now_ms, speed_mmps, fix, wall_s = values
            flags = check.look(now_ms, odometer.run_mm, speed_mmps, fix and tuple(fix), wall_s)
            print(json.dumps([now_ms, odometer.metres, odometer.run_mm, flags]))
        elif kind == "signal":
            vehicle.signals.values[values[0]] = values[1]
        elif kind == "number":
            setattr(numbers, values[0], values[1])
        elif kind == "set":
            part = getattr(vehicle, values[0])
            setattr(part, values[1], values[2])
        else:
            vehicle.run(values[0], flags=values[1], used=values[2], step_ms=50)
    for kind, body, at_ms, durable in vehicle.outbox.records:
        body.pop(1, None) if kind == 8 else None  # free memory is known to one of them only
        print(json.dumps([kind, sorted(body.items()), at_ms, durable]))


with open(sys.argv[1]) as file:
    main(file)
