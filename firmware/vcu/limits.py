"""How fast this session may go, and by whose word: vehicle, grant or zone. Pure.

Says the goal only. That a cap never falls as a step in motion is the safety kernel's.
"""

from protocol import grant, lock
from protocol.access import Clock


def zone(zone_mmps: int, until_s: int, clock: Clock) -> int:
    """The zone's limit that holds now, 0 for none. With an uncertain clock it does not end."""
    if until_s and clock.certain and clock.now >= until_s:
        return 0
    return zone_mmps


def goal(vehicle_mmps: int, limits: dict[int, int], zone_mmps: int) -> tuple[int, int]:
    """(mm/s, reason for VCU_Drive): the lowest of them. `limits` are the session's."""
    lowest = vehicle_mmps
    reason = lock.DRIVE_FREE
    granted = limits.get(grant.MAX_SPEED_MMPS, lowest)
    if granted < lowest:
        lowest = granted
        reason = lock.DRIVE_GRANT_LIMIT
    if 0 < zone_mmps < lowest:
        lowest = zone_mmps
        reason = lock.DRIVE_ZONE_LIMIT
    return lowest, reason
