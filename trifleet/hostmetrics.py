"""What `trifleet run` tells of the machine and of its programs, in Prometheus' text format.

Read when it is asked for. The names of programs are those of the logs folder.
"""

import os
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from trifleet.backups import backup
from trifleet.doctor.certificates import first_end
from trifleet.doctor.databases import fullest_outbox
from trifleet.errors import BackupError
from trifleet.layout import Layout
from trifleet.supervisor import Child


class HostCollector:
    """Disk, certificates, back-ups, outboxes here, and the children of the supervisor."""

    def __init__(self, layout: Layout, children: Callable[[], Mapping[str, Child]]) -> None:
        self._layout = layout
        self._children = children

    def collect(self) -> Iterator[Metric]:
        yield from self._programs()
        yield from self._disk()
        yield _gauge(
            "trifleet_certificate_first_end_timestamp_seconds",
            "End of the certificate in the folder that ends first; 0: there is none",
            first_end(self._layout.root),
        )
        yield _gauge(
            "trifleet_backup_newest_timestamp_seconds",
            "When the newest whole back-up was made; 0: none is known",
            newest_backup(self._layout),
        )
        yield _gauge(
            "trifleet_outbox_fullest_ratio",
            "How full the fullest outbox in the folder is",
            fullest_outbox(self._layout),
        )

    def _programs(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("trifleet_program_up", "Whether it runs", labels=["program"])
        restarts = CounterMetricFamily(
            "trifleet_program_restarts", "Since the start of the stack", labels=["program"]
        )
        for name, child in sorted(self._children().items()):
            up.add_metric([name], int(child.pid is not None))
            restarts.add_metric([name], child.restarts)
        yield up
        yield restarts

    def _disk(self) -> Iterator[Metric]:
        try:
            found = os.statvfs(self._layout.root)
        except OSError:
            return
        free, size = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
        yield _gauge("trifleet_disk_free_bytes", "Of the data folder's file system", free)
        yield _gauge("trifleet_disk_size_bytes", "Of the data folder's file system", size)


def registry_of(collector: HostCollector) -> CollectorRegistry:
    made = CollectorRegistry(auto_describe=False)
    made.register(collector)
    return made


def newest_backup(layout: Layout) -> int:
    """When it was made, Unix time; 0 where no whole one is known."""
    newest = 0
    try:
        for folder in backup.places(layout):
            if folder.is_whole:
                newest = max(newest, int(backup.read_mark(folder)["made"]))
    except (BackupError, OSError, ValueError, TypeError):
        return newest
    return newest


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
