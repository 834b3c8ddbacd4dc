"""X.509 certificates in the folder: when they end. Whoever made them, these dates are theirs."""

import datetime
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509

from trifleet.doctor.finding import Finding, Findings, fail, ok, warn
from trifleet.doctor.subject import Subject, read_small

WARN_DAYS = 30
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_LIST = b"-----BEGIN X509 CRL-----"
_REMEDY = "renew it (trifleet certificates renew), before nobody is let in any more"


def check_certificates(subject: Subject) -> Findings:
    """The one that ends first, and every one that has ended or cannot be read."""
    root, count, bad = subject.layout.root, 0, 0
    first: tuple[float, str] | None = None
    for path in _files(root):
        name = str(path.relative_to(root))
        for left_s, finding in _judge(path, name, subject.now):
            count += 1
            if finding is not None:
                bad += 1
                yield finding
            elif first is None or left_s < first[0]:
                first = (left_s, name)
    if not count:
        yield ok("certificates", "none in this folder")
    elif not bad and first is not None:
        yield ok("certificates", f"{count}; {first[1]} ends first, in {first[0] / 86_400:.0f} days")


def first_end(root: Path) -> float:
    """Unix time at which the first certificate of the folder ends; 0 where there is none."""
    ends = [end.timestamp() for path in _files(root) for end in _readable_ends(path)]
    return min(ends, default=0.0)


def _readable_ends(path: Path) -> list[datetime.datetime]:
    try:
        return list(_ends(read_small(path)))
    except (OSError, ValueError):
        return []


def _files(root: Path) -> Iterator[Path]:
    for pattern in ("*.crt", "*.pem"):
        for path in sorted(root.rglob(pattern)):
            if root / "ledger/public" not in path.parents:
                yield path


def _judge(path: Path, name: str, now: float) -> Iterator[tuple[float, Finding | None]]:
    """(seconds that are left, what is wrong) for each certificate or list of a file."""
    try:
        data = read_small(path)
        ends = list(_ends(data))
    except OSError as error:
        yield 0, fail("certificates", f"{name}: {error.strerror}", _REMEDY)
        return
    except ValueError:
        yield 0, fail("certificates", f"{name} cannot be read", _REMEDY)
        return
    if not ends and path.suffix == ".crt":
        yield 0, fail("certificates", f"{name} holds no certificate", _REMEDY)
    for end in ends:
        left_s = end.timestamp() - now
        yield left_s, judge_end(name, left_s)


def judge_end(name: str, left_s: float) -> Finding | None:
    """What a certificate's last day says; None where it is far away."""
    if left_s <= 0:
        return fail("certificates", f"{name} has ended", _REMEDY)
    if left_s < WARN_DAYS * 86_400:
        return warn("certificates", f"{name} ends in {left_s / 86_400:.0f} days", _REMEDY)
    return None


def _ends(data: bytes) -> Iterator[datetime.datetime]:
    """Ends of the certificates of a PEM file, and of a list of revoked ones. Raises ValueError."""
    if _BEGIN in data:
        for one in x509.load_pem_x509_certificates(data):
            yield one.not_valid_after_utc
    if _LIST in data:
        until = x509.load_pem_x509_crl(data).next_update_utc
        if until is not None:
            yield until
