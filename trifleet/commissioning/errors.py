"""What is wrong with what the mechanic brought, or with some boards of a day."""

from trifleet.errors import TrifleetError, UsageError
from workbench.events import Failure


class SheetError(UsageError):
    """A job, or a file that it names, cannot be used; says which and why. Nothing was begun."""


class BatchError(TrifleetError):
    """Some boards of several failed; the others are done. Ends as the first of them did."""

    def __init__(self, failures: list[Failure], count: int) -> None:
        first = failures[0]
        super().__init__(f"{len(failures)} of {count} failed, the first with: {first.why}")
        self.failure = first
        if count == 1:
            return
        self.failure = Failure(
            first.exit,
            f"{len(failures)} of {count} vehicles are not done",
            f"the first one: {first.what}: {first.why}",
            f"{first.next} Then run the same command again: what is done is only looked over.",
        )
