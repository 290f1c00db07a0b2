"""``gc``, ``diff``, ``migrate`` and an export's licence at the front door."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from typer.testing import CliRunner

from scanyard.boxes import Boxes
from scanyard.cli.app import app
from scanyard.errors import DamagedError, InputError, LicenceError
from scanyard.frame import Frame, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Lidar, Rig
from scanyard.sequence import SequenceInfo
from scanyard.store import create_dataset, write_sequence

RIG = Rig("test", (Lidar("top", Transform.identity(), np.zeros(4), np.zeros(4), 100, 10.0, 1.0, 120.0),))


def dataset_at(root: Path, *, cars: int = 1, licence: str = "CC0-1.0") -> Path:
    boxes = Boxes(np.ones((cars, 3)), np.ones((cars, 3)), np.zeros(cars), ["car"] * cars)
    create_dataset(root, name=root.name, licence="CC0-1.0")
    info = SequenceInfo("walk", "synthetic", "walk", RIG, licence)
    write_sequence(root, info, [Frame(0, Transform.identity(), {"top": Sweep(np.ones((5, 3)))}, boxes=boxes)])
    return root


def said(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return " ".join(result.output.split())


def test_gc_removes_what_a_killed_writer_left(tmp_path: Path) -> None:
    root = dataset_at(tmp_path / "a")
    (root / "staging/walk/0123").mkdir(parents=True)
    assert "removed 1 leftovers" in said("gc", root)
    assert "removed 0 leftovers" in said("gc", root)


def test_diff_says_what_changed(tmp_path: Path) -> None:
    output = said("diff", dataset_at(tmp_path / "a"), dataset_at(tmp_path / "b", cars=3))
    assert "0 the same, 1 changed" in output
    assert "car 1 3 +2" in output
    assert "2 added" in output


def test_migrate_brings_the_first_format_up_to_date(tmp_path: Path) -> None:
    shutil.unpack_archive(Path(__file__).parents[1] / "store/first_format.zip", tmp_path)
    assert "1 sequences brought" in said("migrate", tmp_path / "first_format")
    assert "intact" in said("verify", tmp_path / "first_format")


def test_an_export_that_a_licence_forbids_is_refused(tmp_path: Path) -> None:
    root = dataset_at(tmp_path / "a", licence="CC-BY-NC-SA-3.0")
    with pytest.raises(LicenceError, match=r"CC-BY-NC-SA-3\.0 does not allow commercial use"):
        said("export", "kitti", root, "--out", tmp_path / "out", "--for", "commercial use")
    assert not (tmp_path / "out").exists()


def test_a_key_of_openssl_signs_and_its_public_half_verifies(tmp_path: Path) -> None:
    root, key, public = dataset_at(tmp_path / "a"), tmp_path / "lab.pem", tmp_path / "lab.pub.pem"
    private = Ed25519PrivateKey.generate()  # and written as openssl genpkey and openssl pkey -pubout do
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    hexadecimal = private.public_key().public_bytes_raw().hex()[:16]
    said("seal", root)
    with pytest.raises(DamagedError, match="nobody signed"):
        said("verify", root, "--public-key", public)
    assert f"signed with the key {hexadecimal}" in said("seal", root, "--signing-key", key)
    assert f"signed with the key {hexadecimal}" in said("verify", root, "--public-key", public)
    with pytest.raises(InputError, match=r"lab\.pem: no public key in PEM .* openssl pkey"):
        said("verify", root, "--public-key", key)
    with pytest.raises(InputError, match=r"lab\.pub\.pem: no private key in PEM"):
        said("seal", root, "--signing-key", public)
    for option in ("seal", "simulate", "verify"):
        assert "Ed25519" in said(option, "--help")


def test_a_lost_sequence_is_sealed_over_only_when_it_is_to_be_forgotten(tmp_path: Path) -> None:
    root = dataset_at(tmp_path / "a")
    said("seal", root)
    shutil.rmtree(root / "sequences/walk")
    with pytest.raises(DamagedError, match="--forget walk"):
        said("seal", root)
    with pytest.raises(DamagedError, match="--forget walk"):
        said("simulate", Path("scenarios/cut_in_short_gap.yaml"), "--out", root, "--no-cameras")
    said("seal", root, "--forget", "walk")
    assert "intact; 0 sequences" in said("verify", root)


def test_a_wrong_key_is_told_of_before_a_campaign_begins(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.pem: no private key in PEM"):
        said("simulate", Path("scenarios/cut_in_short_gap.yaml"), "--out", tmp_path / "out",
             "--signing-key", tmp_path / "gone.pem")  # fmt: skip
    assert not (tmp_path / "out").exists()
