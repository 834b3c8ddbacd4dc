"""The authority's own root is changed in three steps, with an overlap in which two are trusted.

1. `begin`: a new root is made. Everybody trusts both, the old one signs.
2. `switch`: the new one signs, and every certificate is renewed. Everybody trusts both.
3. `finish`: the old root is withdrawn and its key deleted.
Each step is one write of `roots.json`; what is written before it is not heeded, what comes after
it is done again by the repetition. A step is refused while somebody would be locked out by it.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from trifleet.certificates import holdings, roots, x509_parts
from trifleet.certificates.authority import (
    BACKDATE_S,
    ROOT_LIFE_S,
    Authority,
    load_certificate,
    load_key,
    write_key,
)
from trifleet.certificates.errors import CertificateError
from trifleet.layout import write_private


def begin(authority: Authority) -> None:
    """Step 1. Raises CertificateError where a change is under way."""
    with authority.locked():
        found = authority.roots
        if found.other is not None:
            raise CertificateError("the authority is being changed already: see --status")
        _make(authority, found.signing + 1)
        trusted = (found.signing, found.signing + 1)
        roots.save(authority.folder, replace(found, trusted=trusted))
        authority.publish()


def switch(authority: Authority, has_new: Callable[[str], bool], *, force: bool = False) -> None:
    """Step 2. Raises CertificateError, naming who does not trust the new root yet."""
    with authority.locked():
        found = authority.roots
        if found.following is None:
            raise CertificateError("no new authority waits to sign: see --status")
        if (missing := untold(authority, has_new)) and not force:
            raise CertificateError(
                f"the new authority is not known yet to {', '.join(missing)}, who could not reach"
                " the broker any more: their daily timer fetches it; --force locks them out"
            )
        trusted = (found.following, found.signing)
        counted = len(authority.entries())
        roots.save(authority.folder, roots.Roots(found.following, trusted, counted))
        authority.publish()


def finish(authority: Authority, *, force: bool = False) -> None:
    """Step 3. Raises CertificateError, naming who has a certificate of the old root alone."""
    with authority.locked():
        found = authority.roots
        if found.former is None:
            if _sweep(authority):  # the last try was cut off before the keys were gone
                authority.publish()
                return
            raise CertificateError("no old authority is left to withdraw: see --status")
        if (late := behind(authority)) and not force:
            raise CertificateError(
                f"certificates of the old authority are in use by {', '.join(late)}: their daily"
                " timer renews them; --force cuts them off until they do"
            )
        roots.save(authority.folder, replace(found, trusted=(found.signing,)))
        authority.publish()
        _sweep(authority)


def untold(authority: Authority, has_new: Callable[[str], bool]) -> list[str]:
    """Who may connect, and neither has the new root here nor said that he holds it."""
    following = authority.roots.following
    if following is None:
        return []
    path = roots.certificate_file(authority.folder, following)
    wanted, said = fingerprint(load_certificate(path)).hex(), holdings.load(authority.folder)
    return [
        name
        for name in authority.holders()
        if not has_new(name) and wanted not in said.get(name, ())
    ]


def behind(authority: Authority) -> list[str]:
    """Whose newest good certificate is of the old root."""
    if authority.roots.former is None:
        return []
    now, since = authority.now(), authority.roots.since
    entries = authority.entries()
    good = {one.name for one in entries if one.good_at(now)}
    renewed = {one.name for one in entries[since:] if one.good_at(now)}
    return sorted(good - renewed)


def _sweep(authority: Authority) -> bool:
    """Delete the keys of roots that nobody trusts any more; True if there were any."""
    found, folder = authority.roots, authority.folder
    gone = [number for number in range(1, found.signing) if number not in found.trusted]
    paths = [make(folder, n) for n in gone for make in (roots.key_file, roots.certificate_file)]
    there = [path for path in paths if path.exists()]
    for path in there:
        path.unlink()
    return bool(there)


def fingerprint(certificate: x509.Certificate) -> bytes:
    """SHA-256 of the DER, by which a gateway says which roots it holds."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()


def _make(authority: Authority, number: int) -> None:
    """Root `number` and its link. A repetition takes the key that is there."""
    folder, (old_key, old_root) = authority.folder, authority.signer()
    if not roots.key_file(folder, number).exists():
        write_key(roots.key_file(folder, number), ec.generate_private_key(x509_parts.CURVE))
    key = load_key(roots.key_file(folder, number))
    now = authority.now()
    life = (now - BACKDATE_S, now + ROOT_LIFE_S)
    name = f"{_base_name(old_root)} {number}"
    made = x509_parts.authority(key, name, life)
    link = x509_parts.link(old_key, old_root, made)
    for path, document in (
        (roots.link_file(folder, number), link),
        (roots.certificate_file(folder, number), made),
    ):
        write_private(path, document.public_bytes(Encoding.PEM))


def _base_name(root: x509.Certificate) -> str:
    """Of the first root: later ones have their number behind it, so that no two share a name."""
    (attribute,) = root.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    head, _, tail = str(attribute.value).rpartition(" ")
    return head if tail.isdecimal() else str(attribute.value)
