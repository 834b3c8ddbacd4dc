"""Our side of mutual TLS: what a gateway, an ingest or an API accepts as its broker."""

import contextlib
import shutil
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_gateway import mqtt_tls as of_gateway
from edge_gateway.errors import SettingsError as GatewaySettingsError
from edge_gateway.mqtt_settings import MqttSettings, check_credential, is_loopback
from edge_gateway.settings import load
from fleet_backend.fleet import mqtt_tls as of_backend
from fleet_backend.fleet.errors import SettingsError
from fleet_backend.fleet.mqtt_tls import check_way
from fleet_backend.ingest.mqtt import MqttAdapter
from fleet_backend.ingest.mqtt import MqttSettings as IngestMqtt
from tests.edge_gateway.gateway_stand import write_gateway
from trifleet.certificates import files
from trifleet.certificates.authority import Authority, create
from trifleet.certificates.files import Party, broker_party

SIDES = {"gateway": of_gateway.MqttTls, "backend": of_backend.MqttTls}
AnyTls = of_gateway.MqttTls | of_backend.MqttTls


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    for name in ("ours", "theirs"):
        authority = create(folder / name, "one and the same name")
        files.ensure(authority, broker_party(folder / f"{name}-broker", ["fleet.example"]))
        files.ensure(authority, Party("gw-1", folder / f"{name}-gw-1"))
    old = Authority(folder / "ours", lambda: 1_000_000_000.0)
    files.renew(old, broker_party(folder / "old-broker"))
    return folder


def tls_of(folder: Path, side: str, server_name: str | None = None) -> AnyTls:
    party = Party("gw-1", folder / "ours-gw-1")
    kind: Callable[..., AnyTls] = SIDES[side]
    return kind(party.ca_file, party.certificate_file, party.private_key_file, server_name)


@contextlib.contextmanager
def serving(folder: Path, party: str, **options: Any) -> Iterator[int]:
    """A TLS server with the files of this party, which takes one connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / party / "mqtt.pem", folder / party / "mqtt.key")
    context.maximum_version = options.get("version", ssl.TLSVersion.TLSv1_3)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    if context.maximum_version < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            line, _ = server.accept()
            with contextlib.suppress(OSError), context.wrap_socket(line, server_side=True) as end:
                end.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(server.getsockname()[1])
        thread.join(10)


def shakes_hands(tls: AnyTls, port: int, host: str = "127.0.0.1") -> bool:
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        try:
            tls.context().wrap_socket(line, server_hostname=host).close()
        except OSError:
            return False
    return True


@pytest.mark.parametrize("side", SIDES)
def test_the_fleet_s_own_broker_is_accepted(folder: Path, side: str) -> None:
    for server_name in (None, "fleet.example", "localhost", "127.0.0.1"):
        with serving(folder, "ours-broker") as port:
            assert shakes_hands(tls_of(folder, side, server_name), port)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("party", ["theirs-broker", "old-broker", "ours-gw-1", "theirs-gw-1"])
def test_any_other_server_is_refused(folder: Path, side: str, party: str) -> None:
    """Another authority's of the same name, one that is over, and a gateway that plays broker."""
    with serving(folder, party) as port:
        assert not shakes_hands(tls_of(folder, side), port)


@pytest.mark.parametrize("side", SIDES)
def test_another_name_than_the_one_that_was_asked_for_is_refused(folder: Path, side: str) -> None:
    for server_name, host in (("other.example", "127.0.0.1"), (None, "other.example")):
        with serving(folder, "ours-broker") as port:
            assert not shakes_hands(tls_of(folder, side, server_name), port, host)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_older_than_tls_1_2_is_refused(folder: Path, side: str) -> None:
    with serving(folder, "ours-broker", version=ssl.TLSVersion.TLSv1_1) as port:
        assert not shakes_hands(tls_of(folder, side), port)


@pytest.mark.parametrize("side", SIDES)
def test_files_that_were_replaced_count_from_the_next_connection_on(
    folder: Path, side: str, tmp_path: Path
) -> None:
    for name in ("ours-gw-1", "ours-broker", "theirs-broker"):
        shutil.copytree(folder / name, tmp_path / name)
    tls = tls_of(tmp_path, side)
    context = tls.context()  # an MQTT client keeps this one
    backend = side == "backend"
    shutil.copyfile(folder / "theirs/authority.pem", tmp_path / "ours-gw-1/authority.pem")
    for party, good in (("ours-broker", False), ("theirs-broker", True)):
        with serving(tmp_path, party) as port:
            assert shakes_hands(tls, port) is good
        if backend:
            with (
                serving(tmp_path, party) as port,
                socket.create_connection(("127.0.0.1", port), 10) as line,
            ):
                if good:
                    context.wrap_socket(line, server_hostname="localhost").close()
                else:
                    with pytest.raises(ssl.SSLCertVerificationError):
                        context.wrap_socket(line, server_hostname="localhost")


def test_the_client_id_hangs_on_key_and_name_and_both_sides_agree(folder: Path) -> None:
    one, two = tls_of(folder, "gateway"), tls_of(folder, "backend")
    found = one.client_id("gw-1")
    assert found == two.client_id("gw-1") and found.startswith("gw-1-") and len(found) == 37
    assert one.client_id("gw-2")[5:] != found[5:]
    other = of_gateway.MqttTls(
        one.ca_file, one.certificate_file, folder / "theirs-gw-1" / "mqtt.key"
    )
    assert other.client_id("gw-1") != found


@pytest.mark.parametrize("spoil", ["missing", "nonsense", "another key"])
def test_files_that_do_not_fit_are_named(folder: Path, tmp_path: Path, spoil: str) -> None:
    shutil.copytree(folder / "ours-gw-1", tmp_path / "ours-gw-1")
    key = tmp_path / "ours-gw-1/mqtt.key"
    if spoil == "missing":
        key.unlink()
    elif spoil == "nonsense":
        key.write_text("nonsense")
    else:
        shutil.copyfile(folder / "theirs-gw-1/mqtt.key", key)
    tls = tls_of(tmp_path, "gateway")
    assert isinstance(tls, of_gateway.MqttTls)
    with pytest.raises(GatewaySettingsError, match="certificate_file"):
        check_credential(MqttSettings("127.0.0.1", 1, "gw-1", tls=tls), "gw-1")
    of = tls_of(tmp_path, "backend")
    assert isinstance(of, of_backend.MqttTls)
    with pytest.raises(SettingsError):
        MqttAdapter(IngestMqtt("127.0.0.1", 1, "ingest", tls=of))


def test_a_gateway_does_not_start_with_another_s_certificate(folder: Path) -> None:
    tls = tls_of(folder, "gateway")
    assert isinstance(tls, of_gateway.MqttTls)
    check_credential(MqttSettings("127.0.0.1", 1, "gw-1", tls=tls), "gw-1")
    with pytest.raises(GatewaySettingsError, match="a certificate for 'gw-2'"):
        check_credential(MqttSettings("127.0.0.1", 1, "gw-2", tls=tls), "gw-2")


FILES = 'ca_file = "ca"\ncertificate_file = "c"\nprivate_key_file = "k"'


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('password_file = "mqtt.password"', FILES + '\npassword_file = "p"', "mqtt.password_file"),
        ('password_file = "mqtt.password"', FILES + '\nusername = "gw-7"', "mqtt.password_file"),
        ('password_file = "mqtt.password"', FILES.replace("ca_file", "ca"), "mqtt.ca"),
        ('password_file = "mqtt.password"', FILES.replace('ca_file = "ca"', ""), "mqtt.ca_file"),
        (
            'password_file = "mqtt.password"',
            FILES.replace('private_key_file = "k"', ""),
            "mqtt.private_key_file",
        ),
        (
            'password_file = "mqtt.password"',
            'password_file = "p"\nserver_name = "x"',
            "mqtt.server_name",
        ),
        ('password_file = "mqtt.password"', FILES + "\nserver_name = 1", "mqtt.server_name"),
        ('host = "127.0.0.1"', 'host = "10.0.0.1"', "mqtt.host"),
        ('host = "127.0.0.1"', 'host = "broker.example"', "mqtt.host"),
    ],
    ids=range(9),
)
def test_each_fault_of_the_mqtt_table_is_named(
    tmp_path: Path, old: str, new: str, key: str
) -> None:
    config, _ = write_gateway(tmp_path, 4000, 1883, "ab" * 32)
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new, 1))
    with pytest.raises(GatewaySettingsError) as caught:
        load(config)
    assert caught.value.key == key


def test_certificates_in_the_mqtt_table_are_read(tmp_path: Path) -> None:
    config, _ = write_gateway(tmp_path, 4000, 1883, "ab" * 32)
    text = config.read_text().replace('127.0.0.1"\nport = 1883', 'broker.example"\nport = 8883')
    config.write_text(
        text.replace('password_file = "mqtt.password"', FILES + '\nserver_name = "fleet.example"')
    )
    found = load(config).mqtt
    assert found.tls == of_gateway.MqttTls(
        tmp_path / "ca", tmp_path / "c", tmp_path / "k", "fleet.example"
    )
    assert (found.host, found.port, found.password_file) == ("broker.example", 8883, None)


def test_a_password_stays_on_the_machine(tmp_path: Path) -> None:
    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        assert is_loopback(host)
        check_way(host, tmp_path / "p", None)
    for host in ("10.0.0.1", "0.0.0.0", "localhost.example", "broker", ""):
        assert not is_loopback(host)
        with pytest.raises(SettingsError, match="use TLS"):
            check_way(host, tmp_path / "p", None)
    tls = of_backend.MqttTls(tmp_path, tmp_path, tmp_path)
    check_way("10.0.0.1", None, tls)
    for password, given in ((tmp_path / "p", tls), (None, None)):
        with pytest.raises(SettingsError, match="either"):
            check_way("127.0.0.1", password, given)


@pytest.mark.parametrize(
    "user", ["", "in/gest", "+", "#", "$SYS", "in gest", "INGEST", "i\x00"], ids=range(8)
)
def test_the_ingest_has_a_name_that_is_an_identifier(tmp_path: Path, user: str) -> None:
    (tmp_path / "p").write_text("word")
    with pytest.raises(SettingsError, match=r"mqtt\.user"):
        MqttAdapter(IngestMqtt("127.0.0.1", 1, user, tmp_path / "p"))


@pytest.mark.parametrize(
    "group", ["", "workers", "a/b-0123456789abcdef", "#" * 20, "w" * 33], ids=range(5)
)
def test_the_group_of_workers_is_a_name_that_nobody_guesses(tmp_path: Path, group: str) -> None:
    (tmp_path / "p").write_text("word")
    with pytest.raises(SettingsError, match=r"mqtt\.group"):
        MqttAdapter(IngestMqtt("127.0.0.1", 1, "ingest", tmp_path / "p", group=group))
