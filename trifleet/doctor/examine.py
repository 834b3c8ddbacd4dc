"""Every check in its order. One that fails itself is a finding, too: a doctor never falls ill."""

from collections.abc import Callable
from pathlib import Path

from trifleet.doctor import (
    backups,
    certificates,
    databases,
    files,
    identities,
    log,
    machine,
    programs,
)
from trifleet.doctor.finding import Finding, Findings, fail, printable
from trifleet.doctor.subject import Subject, look_at
from trifleet.errors import UsageError

Check = Callable[[Subject], Findings]
CHECKS: tuple[Check, ...] = (
    machine.check_python,
    machine.check_packages,
    machine.check_clock,
    machine.check_disk,
    machine.check_open_files,
    files.check_folder,
    files.check_installation,
    files.check_permissions,
    files.check_keys,
    files.check_settings,
    certificates.check_certificates,
    databases.check_database,
    identities.check_identities,
    databases.check_erasures,
    databases.check_outboxes,
    log.check_policy,
    log.check_tree,
    log.check_checkpoint,
    log.check_witnesses,
    programs.check_programs,
    programs.check_ports,
    programs.check_broker,
    programs.check_api,
    backups.check_backups,
)
# Where none of these is, nobody ever installed anything.
_SIGNS = ("installation.json", "config", "ledger", "fleet.db", "owner", "gateways")


def examine(folder: Path, checks: tuple[Check, ...] = CHECKS) -> list[Finding]:
    """Everything that is found. Raises UsageError where there is nothing to look at."""
    try:
        if not folder.is_dir():
            raise UsageError(f"{folder} is no folder: there is nothing to look at")
        if not any((folder / name).exists() for name in _SIGNS):
            raise UsageError(f"{folder} is no data folder of trifleet: nothing to look at")
    except OSError as error:
        raise UsageError(f"cannot look at {folder}: {error.strerror}") from error
    subject = look_at(folder)
    return [finding for check in checks for finding in _run(check, subject)]


def _run(check: Check, subject: Subject) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(check(subject))
    except Exception as error:
        # Whatever it was: the other checks are worth as much without this one.
        name = check.__name__.removeprefix("check_").replace("_", " ")
        words = f"could not be looked at: {type(error).__name__}: {printable(str(error))}"
        found.append(fail(name, words, "put right what the other lines say, and look again"))
    return found
