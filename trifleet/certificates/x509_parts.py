"""X.509 documents of the authority (RFC 5280). Pure: keys, names and times in, documents out.

ECDSA on P-256, because every broker and every TLS library of the last fifteen years has it.
"""

import datetime
import ipaddress
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CURVE = ec.SECP256R1()
_HASH = hashes.SHA256()


def moment(seconds: int) -> datetime.datetime:
    """Unix seconds as X.509 wants them."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def client_subject(name: str, serial: int) -> x509.Name:
    """The name, and the certificate's own serial number: nats-server knows a user by the subject
    alone, so that each certificate is let in, or not, by itself."""
    unit = x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, f"{serial:x}")
    return x509.Name([unit, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def common_name(text: str) -> x509.Name:
    """A subject with one common name and nothing else."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def authority(
    key: ec.EllipticCurvePrivateKey, name: str, life: tuple[int, int]
) -> x509.Certificate:
    """The self-signed root: it signs certificates and lists of revoked ones, nothing else."""
    subject = common_name(name)
    builder = _begin(subject, subject, key.public_key(), 1 + x509.random_serial_number() // 2, life)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return builder.sign(key, _HASH)


def link(
    old_key: ec.EllipticCurvePrivateKey, old_root: x509.Certificate, new_root: x509.Certificate
) -> x509.Certificate:
    """The new root's name and key, signed by the old root (NewWithOld of RFC 4210 section 4.4)."""
    public_key = new_root.public_key()
    if not isinstance(public_key, ec.EllipticCurvePublicKey):
        raise TypeError("a root's key is on P-256")
    ends = min(old_root.not_valid_after_utc, new_root.not_valid_after_utc)
    life = (int(new_root.not_valid_before_utc.timestamp()), int(ends.timestamp()))
    serial = 1 + x509.random_serial_number() // 2
    builder = _begin(new_root.subject, old_root.subject, public_key, serial, life)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_authority_identifier(old_root), critical=False)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return builder.sign(old_key, _HASH)


def server(
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate,
    public_key: ec.EllipticCurvePublicKey,
    serial: int,
    life: tuple[int, int],
    names: Sequence[str],
) -> x509.Certificate:
    """What a broker shows: good for these host names and addresses, and not as a client."""
    builder = _leaf(issuer, common_name("broker"), public_key, serial, life)
    builder = builder.add_extension(
        x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False
    )
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return builder.add_extension(usage, critical=False).sign(key, _HASH)


def client(
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate,
    public_key: ec.EllipticCurvePublicKey,
    serial: int,
    life: tuple[int, int],
    name: str,
) -> x509.Certificate:
    """What a gateway or a program shows: its name is the common name; it is no server."""
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = _leaf(issuer, client_subject(name, serial), public_key, serial, life)
    return builder.add_extension(usage, critical=False).sign(key, _HASH)


def revocation_list(
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate,
    number: int,
    life: tuple[int, int],
    revoked: Sequence[tuple[int, int]],
) -> x509.CertificateRevocationList:
    """The list of (serial, revoked at)."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(moment(life[0]))
        .next_update(moment(life[1]))
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(_authority_identifier(issuer), critical=False)
    )
    for serial, at in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment(at))
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(key, _HASH)


def hosts_of(certificate: x509.Certificate) -> set[str]:
    """Host names and addresses that a server's certificate is good for."""
    kind = x509.SubjectAlternativeName
    names = certificate.extensions.get_extension_for_class(kind).value
    return {str(name.value) for name in names}


def _begin(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    serial: int,
    life: tuple[int, int],
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(public_key)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(moment(life[0]))
        .not_valid_after(moment(life[1]))
        .add_extension(identifier, critical=False)
    )


def _leaf(
    issuer: x509.Certificate,
    subject: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    serial: int,
    life: tuple[int, int],
) -> x509.CertificateBuilder:
    builder = _begin(subject, issuer.subject, public_key, serial, life)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
    builder = builder.add_extension(_authority_identifier(issuer), critical=False)
    return builder.add_extension(_usage(signs_certificates=False), critical=True)


def _authority_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    found = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
