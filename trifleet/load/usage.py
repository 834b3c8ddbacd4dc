"""What processes have used: processor seconds and memory, from /proc."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS_A_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Used:
    """Of one process. `peak_mb`: the most memory that it ever had resident, in 10^6 bytes."""

    processor_s: float
    peak_mb: float


def of_process(pid: int | str = "self") -> Used:
    """Raises OSError where it is gone."""
    folder = Path("/proc") / str(pid)
    # Behind the name, which may hold anything: utime and stime are the 14th and 15th field.
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    status = (folder / "status").read_text()
    peak_kb = next((line.split()[1] for line in status.splitlines() if "VmHWM" in line), "0")
    ticks = int(fields[11]) + int(fields[12])
    return Used(ticks / _TICKS_A_S, int(peak_kb) * 1024 / 1e6)


def of_processes(pids: Mapping[str, int]) -> dict[str, Used]:
    """By name; those that are gone are left out."""
    found = {}
    for name, pid in pids.items():
        try:
            found[name] = of_process(pid)
        except OSError:
            continue
    return found


def since(before: Mapping[str, Used], after: Mapping[str, Used]) -> dict[str, Used]:
    """What was used in between."""
    return {
        name: Used(used.processor_s - before[name].processor_s, used.peak_mb)
        for name, used in after.items()
        if name in before
    }
