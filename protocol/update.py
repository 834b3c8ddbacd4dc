"""How the installation of an application ends on a vehicle: stages and codes of UPDATE records."""

BEGUN = 1
ON_TRIAL = 2
CONFIRMED = 3
ROLLED_BACK = 4
REFUSED = 5
STAGES = {
    BEGUN: "BEGUN",
    ON_TRIAL: "ON_TRIAL",
    CONFIRMED: "CONFIRMED",
    ROLLED_BACK: "ROLLED_BACK",
    REFUSED: "REFUSED",
}

DONE = 0
MALFORMED = 1
BOARD = 2
KEYS = 3
SIGNATURE = 4
OLDER = 5
DIGEST = 6
SPACE = 7
HASH = 8
MOVING = 9
BATTERY = 10
NOT_ALLOWED = 11
FLASH = 12
BUSY = 13
TRIALS = 14
NO_SLOT = 15
SELF_TEST = 16
NAMES = {
    DONE: "DONE",
    MALFORMED: "MALFORMED",  # not a bundle, or cut short
    BOARD: "BOARD",  # for another board, or of the other form
    KEYS: "KEYS",  # the vehicle knows no release keys: its file `release` is missing or damaged
    SIGNATURE: "SIGNATURE",  # fewer good signatures by keys that it knows than it asks for
    OLDER: "OLDER",  # below the lowest number that may still be installed
    DIGEST: "DIGEST",  # another release than the one that was allowed
    SPACE: "SPACE",  # larger than a slot, or than was said at the beginning
    HASH: "HASH",  # what lies in flash is not what was signed
    MOVING: "MOVING",  # not locked, or not standing
    BATTERY: "BATTERY",  # the pack is below 30 %, or nobody knows
    NOT_ALLOWED: "NOT_ALLOWED",  # nobody who may, allowed it in the last 15 minutes
    FLASH: "FLASH",  # the flash did not take it
    BUSY: "BUSY",  # it works on something, or on nothing yet
    TRIALS: "TRIALS",  # tried before, and rolled back; or another one is on trial
    NO_SLOT: "NO_SLOT",  # this board's boot.py knows no second place
    SELF_TEST: "SELF_TEST",  # it ran, and did not pass its self-test in time
}
