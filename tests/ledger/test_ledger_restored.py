"""A cosigned log out of a back-up: what readers saw stays cosigned, and so does what follows."""

import pytest
from ledger_tools import (
    COSIGNED,
    SIGNER,
    check_log,
    cosign_and_publish,
    entries_of,
    new_log,
    open_log,
)

from fleet_backend.ledger.errors import ConfigError
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.snapshot import allow_signing, copy_log, newest_published, newest_signed
from fleet_backend.ledger.storage import FolderFetch


@pytest.fixture
def restored(tmp_path):
    """10 entries of which 7 are cosigned, copied without the lock database."""
    source, target = tmp_path / "log", tmp_path / "restored"
    new_log(source).close()
    with open_log(source, COSIGNED) as writer:
        writer.append(entries_of(7))
        cosign_and_publish(writer)
        writer.append(entries_of(3, 7))
    log = SIGNER.verifier
    signed = newest_signed(source, log)
    served = FolderFetch(source / "public")
    copy_log(served, signed, newest_published(served, log), target)
    allow_signing(target, signed)
    return target


def test_it_goes_on_with_its_witness(restored):
    with open_log(restored, COSIGNED) as writer:
        assert COSIGNED.open_checkpoint(writer.fetch("checkpoint")).size == 7
        assert writer.fetch("pending") == writer.checkpoint.note
        cosign_and_publish(writer)
        writer.append(entries_of(2, 10))
    check_log(restored, dict(enumerate(entries_of(10))))


def test_its_policy_cannot_be_left_out_by_mistake(restored):
    seen = (restored / "public/checkpoint").read_bytes()
    with pytest.raises(ConfigError, match="give its policy"):
        open_log(restored)
    assert (restored / "public/checkpoint").read_bytes() == seen
    alone = parse_policy(f"log {SIGNER.verifier.vkey}\nquorum none\n".encode())
    with open_log(restored, alone) as writer:
        assert writer.is_published
