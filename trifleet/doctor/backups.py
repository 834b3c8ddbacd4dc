"""Back-ups: whether there is a whole one, where it should be, and how old it is."""

from trifleet.backups import backup
from trifleet.doctor.finding import Findings, fail, ok, warn
from trifleet.doctor.subject import Subject, require_ordinary
from trifleet.errors import BackupError

OLD_DAYS = 7
_MAKE = "make one: trifleet backup FOLDER (works while the stack runs)"


def check_backups(subject: Subject) -> Findings:
    try:
        if subject.layout.backups.exists():
            require_ordinary(subject.layout.backups)
        known = backup.places(subject.layout)
    except (BackupError, OSError) as error:
        yield fail("back-ups", str(error), "an erasure would miss copies: put backups.json back")
        return
    newest, missing = 0, 0
    for folder in known:
        try:
            require_ordinary(folder.mark)
            made = backup.read_mark(folder)["made"]
        except (BackupError, OSError):
            missing += 1
            continue
        newest = max(newest, made if type(made) is int else 0)
    if missing:
        remedy = "mount it again; take one that is gone for good out of backups.json"
        yield warn("back-ups", f"{missing} of {len(known)} are not there, or not whole", remedy)
    age_days = (subject.now - newest) / 86_400
    if not newest:
        yield warn("back-ups", "no whole one is known", _MAKE)
    elif age_days > OLD_DAYS:
        yield warn("back-ups", f"the newest is {age_days:.0f} days old", _MAKE)
    else:
        yield ok("back-ups", f"the newest is {max(0.0, age_days):.1f} days old")
