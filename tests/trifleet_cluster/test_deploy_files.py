"""What deploy/ asks of us is what we do: command lines, settings, ports, users, names of files."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from deploy_yaml import COMPOSE, KUBERNETES, ROOT, base, compose, containers, pods, read, strings

from trifleet.brokers.rabbitmq_config import UP_QUEUE
from trifleet.cli import app
from trifleet.cluster import prepare, proxy
from trifleet.cluster.compose_proxy import compose_text
from trifleet.cluster.place import APIS
from trifleet.errors import UsageError

MAKERS = ("Deployment", "StatefulSet")
KUBERNETES_NODES = tuple(
    f"rabbit@broker-{n}.broker-nodes.trifleet.svc.cluster.local" for n in range(3)
)


def accept(words: list[str]) -> None:
    """Our command line takes these words; nothing is run. Raises click's UsageError."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("trifleet", list(words))
    while hasattr(command, "commands"):
        name, command, rest = command.resolve_command(
            context, context._protected_args + context.args
        )
        context = command.make_context(name, rest, parent=context)


def test_every_command_line_is_one_of_ours() -> None:
    programs = [
        service["command"]
        for service in compose()["services"].values()
        if service["image"].startswith("trifleet:")
    ]
    programs += [one["args"] for _, one in containers() if "args" in one]
    assert len(programs) >= 10
    for words in programs:
        accept(words)
        assert f"{prepare.MOUNT}/{prepare.SETTINGS}" in words
    with pytest.raises(Exception, match="No such option"):
        accept([*programs[0], "--colour"])


def test_images_are_pinned_and_nothing_secret_is_written_here() -> None:
    found = [service["image"] for service in compose()["services"].values()]
    found += [one["image"] for _, one in containers()]
    found += [one["spec"]["imageName"] for one in base() if one["kind"] == "Cluster"]
    for file in (ROOT / "deploy/images").iterdir():
        found += re.findall(r"^FROM (\S+)", file.read_text(), re.MULTILINE)
    for image in found:
        assert re.fullmatch(r"[a-z0-9./-]+:\d[\w.-]*", image), image
    for text in (*strings(compose()), *(word for one in base() for word in strings(one))):
        assert "BEGIN" not in text and not re.search(r"://[^/]*:[^/]*@", text)
    assert not any(one["kind"] == "Secret" for one in base())
    environment = [s.get("environment", {}) for s in compose()["services"].values()]
    assert not any(
        "PASSWORD" in key and not key.endswith("_FILE") for e in environment for key in e
    )


def test_no_container_may_do_more_than_its_work() -> None:
    for name, spec in pods():
        inside = spec["securityContext"]
        assert inside["runAsNonRoot"] and inside["runAsUser"] == 10001, name
        assert inside["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
    for name, one in containers():
        held = one["securityContext"]
        assert held["allowPrivilegeEscalation"] is False, name
        assert held["readOnlyRootFilesystem"] is True
        assert held["capabilities"] == {"drop": ["ALL"]}
    for name, service in compose()["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"]
    for file in (ROOT / "deploy/images").iterdir():
        assert "\nUSER 10001:10001\n" in file.read_text()
    (deny,) = [one["spec"] for one in base() if one["metadata"]["name"] == "deny"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_who_may_be_away_is_said_and_enough_stay() -> None:
    budgets = {
        one["metadata"]["name"]: one["spec"]
        for one in base()
        if one["kind"] == "PodDisruptionBudget"
    }
    sizes = {one["metadata"]["name"]: one["spec"]["replicas"] for one in base()
             if one["kind"] in MAKERS}  # fmt: skip
    assert {name: budget["maxUnavailable"] for name, budget in budgets.items()} == dict.fromkeys(
        ("broker", "ingest", "ledger", "api"), 1
    )
    assert (sizes["broker"], sizes["ingest"], sizes["ledger"], sizes["issuer"]) == (3, 3, 2, 1)
    assert {"api-1", "api-2"} <= sizes.keys()
    assert compose()["services"]["ledger"]["deploy"] == {"replicas": 2}
    assert "deploy" not in compose()["services"]["issuer"]


def test_services_find_what_they_select() -> None:
    labels = [
        one["spec"]["template"]["metadata"]["labels"]
        for one in base()
        if one["kind"] in ("Deployment", "StatefulSet")
    ]
    for one in base():
        if one["kind"] == "Service":
            wanted = one["spec"]["selector"].items()
            assert any(wanted <= label.items() for label in labels), one["metadata"]["name"]


def test_each_program_gets_its_own_secret_alone() -> None:
    for name, spec in pods():
        secrets = [one["secret"]["secretName"] for one in spec["volumes"] if "secret" in one]
        assert secrets == [f"trifleet-{name}"]
    for name, service in compose()["services"].items():
        own = {"create": "ledger", "db-1": "database", "db-2": "database"}.get(name, name)
        own = "broker" if own.startswith("broker-") else own
        mounted = [v.split("}/")[1].split(":")[0] for v in service["volumes"] if "SECRETS" in v]
        assert mounted == ([] if name == "proxy" else [own])


def compose_nodes() -> set[str]:
    services = compose()["services"].items()
    found = [one["environment"] for name, one in services if name.startswith("broker-")]
    return {environment["RABBITMQ_NODENAME"] for environment in found}


def kubernetes_nodes() -> set[str]:
    variables = [one for _, container in containers() for one in container.get("env", [])]
    (name,) = [one["value"] for one in variables if one["name"] == "RABBITMQ_NODENAME"]
    return {name.replace("$(POD)", f"broker-{number}") for number in range(3)}


@pytest.mark.parametrize(
    ("nodes", "used"),
    [(prepare.COMPOSE_NODES, compose_nodes), (KUBERNETES_NODES, kubernetes_nodes)],
    ids=["compose", "kubernetes"],
)
def test_nodes_and_ports_are_those_of_the_brokers_settings(
    tmp_path: Path, nodes: tuple[str, ...], used: Callable[[], set[str]]
) -> None:
    out = prepare.prepare(tmp_path / "owner", prepare.Wish(nodes=nodes), lambda *_: None)
    assert used() == set(nodes)
    conf = dict(
        line.split(" = ", 1) for line in (out / "broker/rabbitmq.conf").read_text().splitlines()
    )
    assert conf["mqtt.listeners.ssl.default"] == "0.0.0.0:8883"
    assert conf["listeners.ssl.default"] == "0.0.0.0:5671"
    assert "127.0.0.1" not in conf.values()
    listed = {conf[key] for key in conf if "classic_config.nodes" in key}
    assert listed == set(nodes)
    services = {one["metadata"]["name"]: one["spec"] for one in base() if one["kind"] == "Service"}
    assert {port["port"] for port in services["broker"]["ports"]} == {8883, 5671}
    assert {port["port"] for port in services["broker-nodes"]["ports"]} == {4369, 25672}
    assert (conf["distribution.listener.port_range.min"], prepare.MAPPER_PORT) == ("25672", 4369)
    assert UP_QUEUE in (out / "broker/queues.json").read_text()
    assert UP_QUEUE + '"' not in (out / "broker/definitions.json").read_text()
    with pytest.raises(UsageError, match="a quorum"):
        prepare.prepare(tmp_path / "even", prepare.Wish(nodes=nodes[:2]), lambda *_: None)


def test_the_proxy_of_compose_is_made_from_the_one_that_is_run() -> None:
    assert (COMPOSE / "haproxy.cfg").read_text() == compose_text()
    services = compose()["services"]
    assert services["proxy"]["networks"]["inside"]["aliases"] == ["broker"]
    for name in (*APIS, "broker-1", "broker-2", "broker-3"):
        assert name in services
        assert f"server {name} {name}:" in compose_text()
    done = subprocess.run(
        [proxy.find(), "-c", "-q", "-f", COMPOSE / "haproxy.cfg"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "unknown" not in done.stderr and "ALERT" not in done.stderr


def test_who_is_well_is_asked_the_same_way_everywhere() -> None:
    probes = [one["readinessProbe"] for name, one in containers() if name in APIS and "args" in one]
    assert [probe["httpGet"]["path"] for probe in probes] == [proxy.ALIVE] * len(APIS)
    assert f"GET {proxy.ALIVE}\n" in compose_text()


def test_overlays_change_what_there_is() -> None:
    folder = KUBERNETES / "overlays/example"
    (listed,) = read(folder / "kustomization.yaml")
    assert {image["name"] for image in listed["images"]} == {"trifleet", "trifleet-broker"}
    names = {one["metadata"]["name"] for one in base() if one["kind"] == "Service"}
    (service,) = read(folder / "gateways.yaml")
    assert service["metadata"]["name"] in names
    (patch,) = read(folder / "proxy.yaml")
    for name, spec in pods():
        if name in APIS:
            value: Any = {"spec": {"template": {"spec": spec}}}
            for part in patch[0]["path"].strip("/").split("/")[:-1]:
                value = value[int(part) if part.isdigit() else part]
            assert value["name"] == "FORWARDED_ALLOW_IPS"
    (ingress,) = read(folder / "ingress.yaml")
    (rule,) = ingress["spec"]["rules"]
    assert rule["http"]["paths"][0]["backend"]["service"]["name"] in names
