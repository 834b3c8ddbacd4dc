"""The log: what was signed against what lies there, who has to cosign, and whether it moves on."""

import concurrent.futures
import socket
from urllib.parse import urlsplit

from fleet_backend.ledger import policysafety
from fleet_backend.ledger.checkpoint import SignedCheckpoint, open_checkpoint
from fleet_backend.ledger.errors import LedgerError, MissingError
from fleet_backend.ledger.keys import load_log_key, log_signer
from fleet_backend.ledger.note import Verifier
from fleet_backend.ledger.policy import Policy, parse_policy
from fleet_backend.ledger.storage import CHECKPOINT, PENDING, FolderFetch
from fleet_backend.ledger.treefiles import load_edge
from trifleet.doctor.databases import newest_leaf, sqlite_file
from trifleet.doctor.finding import Finding, Findings, fail, ok, warn
from trifleet.doctor.readonly import LookError, reading
from trifleet.doctor.subject import Subject, read_small, require_ordinary
from trifleet.errors import TrifleetError
from trifleet.installation import origin

WAITS_S = 60.0  # so long a statement may wait for its place, and a checkpoint for its witnesses
OLD_S = 86_400.0
_CONNECT_S = 2.0
_MOST_WITNESSES = 64
_NEVER_SIGN = "do not start the stack: ask docs/ledger.md, and compare with a back-up"
_FSCK = "run `trifleet ledger fsck` on it: it names the file that is wrong"


def check_policy(subject: Subject) -> Findings:
    """Readable, naming this log's own key, and safe."""
    policy = _policy(subject)
    if isinstance(policy, Finding):
        yield policy
        return
    own = _own_verifier(subject)
    if own is not None and own not in policy.logs:
        remedy = "one of the two is another log's: put back the right log.key or policy.txt"
        yield fail("policy", "does not name the key that this log signs with", remedy)
        return
    if not policy.needs_cosigners:
        yield ok("policy", "readable; no witness is asked (quorum none)")
        return
    words = policysafety.warnings(policy)
    for one in words:
        yield warn("policy", one, "see `trifleet ledger policy check` and docs/ledger.md")
    if not words:
        yield ok("policy", f"safe, {len(policy.witnesses)} witness keys")


def check_tree(subject: Subject) -> Findings:
    """The right edge gives the root that was signed last, and the database knows no more."""
    policy = _policy(subject)
    if isinstance(policy, Finding):
        return
    try:
        signed = _signed(subject, policy)
        if _root(subject, signed.size) != signed.root:
            # The writer may have moved on between our two looks.
            signed = _signed(subject, policy)
            if _root(subject, signed.size) != signed.root:
                yield fail("ledger", "the tiles do not give the signed root", _NEVER_SIGN)
                return
    except LookError as error:
        remedy = "what was signed is not known: nothing may be signed; see `trifleet restore`"
        yield fail("ledger", str(error), remedy)
        return
    except LedgerError as error:
        yield fail("ledger", str(error), _FSCK)
        return
    yield ok("ledger", f"{signed.size} entries, the right edge gives the signed root")
    yield from _against_database(subject, signed.size)


def check_checkpoint(subject: Subject) -> Findings:
    """What readers see: cosigned, not behind, not old."""
    policy = _policy(subject)
    if isinstance(policy, Finding):
        return
    fetch = FolderFetch(subject.layout.ledger / "public")
    try:
        published = policy.open_checkpoint(fetch(CHECKPOINT))
        made = (subject.layout.ledger / "public" / CHECKPOINT).stat().st_mtime
    except (LedgerError, OSError) as error:
        yield fail("checkpoint", f"the published one: {error}", "are the witnesses up? " + _FSCK)
        return
    age_s = max(0.0, subject.now - made)
    text = f"{published.size} entries published, {_age(age_s)} ago"
    if subject.running and age_s > OLD_S:
        yield warn("checkpoint", text, "see whether vehicles report and the ingest runs")
    else:
        yield ok("checkpoint", text)
    yield from _pending(fetch, policy, published.size, age_s)


def check_witnesses(subject: Subject) -> Findings:
    """Whether each that the policy gives an address of takes a connection."""
    policy = _policy(subject)
    if isinstance(policy, Finding) or not policy.urls:
        return
    urls = list(policy.urls.items())[:_MOST_WITNESSES]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda item: _connects(item[1]), urls))
    away = [name for (name, _), answers_us in zip(urls, answers, strict=True) if not answers_us]
    if away:
        remedy = "ask who runs them; without a quorum nothing is published"
        yield warn("witnesses", f"no answer from {', '.join(away)}", remedy)
    else:
        yield ok("witnesses", f"{len(urls)} can be reached")


def _policy(subject: Subject) -> Policy | Finding:
    path = subject.layout.policy
    try:
        return parse_policy(read_small(path))
    except OSError as error:
        words = f"{path.name}: {error.strerror}"
    except LedgerError as error:
        words = str(error)
    return fail("policy", words, "put policy.txt back from a back-up")


def _own_verifier(subject: Subject) -> Verifier | None:
    """None where key or name cannot be read, which other checks tell."""
    try:
        for path in (subject.layout.log_key, subject.layout.root / "installation.json"):
            require_ordinary(path)
        key = load_log_key(subject.layout.log_key)
        return log_signer(origin(subject.layout), key).verifier
    except (LedgerError, TrifleetError, OSError):
        return None


def _signed(subject: Subject, policy: Policy) -> SignedCheckpoint:
    """The newest one of the lock database. Raises LookError, LedgerError."""
    with reading(subject.layout.ledger / "lock.db") as database:
        rows = database.execute("SELECT note FROM log").fetchall()
    if len(rows) != 1 or not isinstance(rows[0][0], bytes):
        raise LookError(f"lock.db holds {len(rows)} logs")
    return open_checkpoint(rows[0][0], policy.logs)


def _root(subject: Subject, size: int) -> bytes:
    return load_edge(FolderFetch(subject.layout.ledger / "public"), size).root()


def _against_database(subject: Subject, size: int) -> Findings:
    try:
        path = sqlite_file(subject)
        if path is None:
            return
        known, waiting, since = newest_leaf(path)
    except LookError:
        return  # told by the check of the database
    if known > size:
        words = f"the database knows {known} entries, the log was signed for {size}"
        yield fail("ledger", words, _NEVER_SIGN)
    elif subject.running and waiting and subject.now - since > WAITS_S:
        words = f"{waiting} statements wait for their place, since {_age(subject.now - since)}"
        yield fail("ledger", words, "look into logs/ingest.log: its sequencer stands still")


def _pending(fetch: FolderFetch, policy: Policy, published: int, age_s: float) -> Findings:
    try:
        size = open_checkpoint(fetch(PENDING), policy.logs).size
    except MissingError:
        return
    except LedgerError as error:
        yield warn("pending", str(error), "a start of the ingest writes it anew")
        return
    text = f"{size - published} entries are signed and wait for witnesses"
    if size > published and age_s > WAITS_S:
        yield fail("pending", text, "ask who runs the witnesses of the policy")
    else:
        yield ok("pending", text)


def _connects(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), timeout=_CONNECT_S).close()
    except (OSError, ValueError, UnicodeError):
        return False
    return True


def _age(seconds: float) -> str:
    for unit, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} seconds"
