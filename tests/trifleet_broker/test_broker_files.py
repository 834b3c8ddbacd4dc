"""What is written for the brokers, without starting one: rights as patterns, names, absences."""

import datetime
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from trifleet.brokers.child import BrokerChild
from trifleet.brokers.cluster import ClusterSettings, RabbitCluster
from trifleet.brokers.common import (
    BrokerError,
    Limits,
    Role,
    ServerTls,
    User,
    checked_users,
    lost_something,
    topics_of,
)
from trifleet.brokers.mosquitto import Mosquitto, MosquittoSettings
from trifleet.brokers.rabbitmq import find_home
from trifleet.brokers.rabbitmq_config import definitions_text
from trifleet.brokers.revoked import name_hash, write_hashed
from trifleet.certificates import rotation
from trifleet.certificates.authority import create
from trifleet.certificates.x509_parts import common_name
from trifleet.ports import free_port

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True)
LEVELS = st.sampled_from(["tf", "1", "up", "down", "statement", "ack", "#", "+", "a.b", "", "UP"])
ROLES = st.sampled_from(list(Role))


def tls_of(folder: Path) -> ServerTls:
    return ServerTls(folder / "ca", folder / "c", folder / "k", folder / "r")


def covers(topic_filter: str, topic: str) -> bool:
    """MQTT 3.1.1, 4.7, for filters whose # stands for one word here and more elsewhere."""
    wanted, given_ = topic_filter.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(given_) or level not in ("+", given_[index]):
            return False
    return len(wanted) == len(given_)


def rights(user: User) -> dict[str, str]:
    found = json.loads(definitions_text([user], Limits()))
    (row,) = found["topic_permissions"]
    return {"write": row["write"], "read": row["read"]}


@given(NAMES, ROLES, st.lists(LEVELS | NAMES, min_size=1, max_size=6))
def test_rabbitmq_s_patterns_allow_no_topic_that_the_list_does_not(
    name: str, role: Role, levels: list[str]
) -> None:
    user = User(name, role, serials=(1,))
    topic = "/".join(levels)
    if re.search(rights(user)["write"], topic.replace("/", ".")):
        assert any(covers(one, topic) for one in topics_of(user)[0]), topic


@given(NAMES, NAMES, ROLES)
def test_rabbitmq_s_patterns_allow_every_topic_of_the_list(
    name: str, other: str, role: Role
) -> None:
    user = User(name, role, serials=(1,))
    publish, subscribe = topics_of(user)
    for topic in publish:
        key = topic.replace("/", ".").replace("+", other)
        assert re.search(rights(user)["write"], key), key
    for topic in subscribe:
        key = topic.replace("/", ".").replace("+", "*")
        assert re.search(rights(user)["read"], key), key
    if not subscribe:
        assert not re.search(rights(user)["read"], f"tf.1.{name}.down.ack")


@given(NAMES, NAMES)
def test_no_gateway_reaches_the_session_of_another(name: str, other: str) -> None:
    found = json.loads(definitions_text([User(name, Role.GATEWAY, serials=(1,))], Limits()))
    (row,) = found["permissions"]
    for right in ("configure", "write", "read"):
        for secret in ("0" * 32, f"{name}-{'0' * 32}"):
            queue = f"mqtt-subscription-{other}-{secret}qos1"
            assert bool(re.search(row[right], queue)) == (
                f"{other}-{secret}" == f"{name}-{'0' * 32}"
            )
        assert not re.search(row[right], "trifleet.up")
        assert not re.search(row[right], "trifleet.dead")


USERS = st.builds(User, NAMES, ROLES, serials=st.tuples(st.integers(1, 9)))


@given(st.lists(USERS, max_size=6, unique_by=lambda user: user.name))
def test_what_stays_as_it_was_has_lost_nothing(users: list[User]) -> None:
    assert lost_something(users, users) == []
    assert lost_something([], users) == []
    assert sorted(lost_something(users, [])) == sorted(user.name for user in users)


def test_another_certificate_or_role_is_a_loss() -> None:
    before = User("gw-1", Role.GATEWAY, serials=(1, 2))
    for after, lost in (
        (User("gw-1", Role.GATEWAY, serials=(2, 1, 3)), []),
        (User("gw-1", Role.GATEWAY, serials=(2,)), ["gw-1"]),
        (User("gw-1", Role.API, serials=(1, 2)), ["gw-1"]),
    ):
        assert lost_something([before], [after]) == lost


@given(st.text(max_size=40))
def test_any_name_is_an_identifier_or_refused(name: str) -> None:
    try:
        checked_users([User(name, Role.GATEWAY)])
    except BrokerError:
        return
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", name)


@pytest.mark.parametrize("name", ["fleet-1234abcd.local authority", "A  b   C", "fleet authority"])
def test_the_list_has_the_name_that_openssl_gives_it(tmp_path: Path, name: str) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(common_name(name))
        .last_update(now)
        .next_update(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "list.pem"
    path.write_bytes(made.public_bytes(Encoding.PEM))
    done = subprocess.run(
        [openssl, "crl", "-hash", "-noout", "-in", str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert name_hash(common_name(name)) == done.stdout.strip()
    write_hashed(path, tmp_path / "revoked")
    assert (tmp_path / "revoked" / f"{done.stdout.strip()}.r0").read_bytes() == path.read_bytes()


def test_each_of_two_lists_gets_its_own_file(tmp_path: Path) -> None:
    """While the authority changes there is one a root."""
    authority = create(tmp_path / "a", "fleet authority")
    rotation.begin(authority)
    write_hashed(authority.revoked_file, tmp_path / "revoked")
    found = {path.name: path.read_bytes() for path in (tmp_path / "revoked").iterdir()}
    names = [name_hash(common_name(name)) for name in ("fleet authority", "fleet authority 2")]
    assert set(found) == {f"{name}.r0" for name in names}
    assert b"".join(found[f"{name}.r0"] for name in names) == authority.revoked_file.read_bytes()


def test_a_known_name_has_a_known_hash() -> None:
    assert name_hash(common_name("fleet authority")) == "d565dad3"
    for name in ("x" * 120, ""):
        with pytest.raises((BrokerError, ValueError)):
            name_hash(common_name(name))


def test_what_is_no_list_of_revoked_certificates_is_named(tmp_path: Path) -> None:
    for content in (b"", b"nonsense", b"\xff", create(tmp_path / "a", "x").folder.name.encode()):
        (tmp_path / "list.pem").write_bytes(content)
        with pytest.raises(BrokerError, match=r"list\.pem"):
            write_hashed(tmp_path / "list.pem", tmp_path / "revoked")
    with pytest.raises(BrokerError, match="absent"):
        write_hashed(tmp_path / "absent.pem", tmp_path / "revoked")


def test_brokers_that_are_not_installed_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = MosquittoSettings(tmp_path / "b", tls_of(tmp_path), binary=tmp_path / "absent")
    with pytest.raises(BrokerError, match="absent"):
        Mosquitto(settings, []).start()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrokerError, match="apt-get install rabbitmq-server"):
        find_home()


def test_a_broker_that_ends_at_once_is_said_to(tmp_path: Path) -> None:
    child = BrokerChild("the broker", free_port(), 20.0)
    with pytest.raises(BrokerError, match="the broker ended with status 3"):
        child.start(["/bin/sh", "-c", "exit 3"], tmp_path / "log")
    assert child.pid is None
    with pytest.raises(BrokerError, match="no broker on"):
        BrokerChild("the broker", free_port(), 0.1).wait_until_ready()


@pytest.mark.parametrize("size", [0, 1, 2, 4])
def test_a_cluster_without_a_quorum_is_refused(tmp_path: Path, size: int) -> None:
    with pytest.raises(BrokerError, match="3, 5 or 7"):
        RabbitCluster(ClusterSettings(tmp_path, tls_of(tmp_path), size), [])
