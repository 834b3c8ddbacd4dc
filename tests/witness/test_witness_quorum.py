"""A log and four real witnesses: three are enough, two are not, and a restart forgets nothing."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from ledger_tools import SIGNER, check_log, entries_of, new_log, open_log
from witness_server import Server, made

from fleet_backend.ledger.note import COSIGNATURE, MLDSA44_COSIGNATURE
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.publisher import Publisher


@pytest.mark.slow
@pytest.mark.parametrize("kind", [COSIGNATURE, MLDSA44_COSIGNATURE])
def test_three_of_four_witnesses_are_a_quorum(tmp_path: Path, kind: int) -> None:
    log = tmp_path / "log"
    new_log(log).close()
    with ExitStack() as running:
        servers, lines = [], [f"log {SIGNER.verifier.vkey}"]
        for number in range(4):
            keys = made(tmp_path / str(number), f"witness.example/{number}")
            servers.append(running.enter_context(Server(tmp_path / str(number))))
            vkey = next(key.vkey for key in keys if key.kind == kind)
            lines.append(f"witness w{number} {vkey} http://127.0.0.1:{servers[-1].port}")
        lines += ["group four 3 w0 w1 w2 w3", "quorum four", ""]
        policy = parse_policy("\n".join(lines).encode())
        writer = running.enter_context(open_log(log, policy))
        publisher = Publisher(writer, policy)
        running.callback(publisher.close)
        writer.append(entries_of(300))
        assert publisher.step()
        servers[0].process.kill()
        servers[0].process.wait()
        writer.append(entries_of(20, 300))
        assert publisher.step()
        assert writer.published.size == 320
        servers[1].process.kill()
        servers[1].process.wait()
        writer.append(entries_of(20, 320))
        assert not publisher.step()
        published = policy.open_checkpoint((log / "public/checkpoint").read_bytes())
        assert (published.size, writer.size) == (320, 340)
        assert [server.remembered() for server in servers] == [300, 320, 340, 340]
        # The first one comes back, knows 300, and gets a proof from there.
        again = running.enter_context(Server(tmp_path / "0", servers[0].port))
        assert publisher.step()
        assert again.remembered() == 340
        assert policy.open_checkpoint((log / "public/checkpoint").read_bytes()).size == 340
    check_log(log, dict(enumerate(entries_of(340))))
