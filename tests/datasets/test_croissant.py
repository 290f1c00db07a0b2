"""A card says what the seals say, loads in Croissant's own loader, and its tables hold every frame and box."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from scanyard.boxes import Boxes
from scanyard.cli.app import app
from scanyard.datasets.croissant import CARD_FILE, write_card
from scanyard.datasets.preview import TABLES
from scanyard.errors import LicenceError, StoreError
from scanyard.frame import Frame, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Lidar, Rig
from scanyard.sequence import SequenceInfo
from scanyard.store import create_dataset, open_dataset, seal_dataset, write_sequence

pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'scanyard[card]'")
RIG = Rig("r", (Lidar("top", Transform.identity(), np.zeros(4), np.zeros(4), 100, 10.0, 1.0, 100.0),))
NC = "CC-BY-NC-SA-3.0"


def dataset_at(root: Path, *, real_licence: str = NC) -> Path:
    """A simulated drive and a real one of three frames each, the last of which nobody labelled."""
    create_dataset(root, name="mixed", licence="CC0-1.0")
    rng = np.random.default_rng(0)
    for name, domain, licence, made in (
        ("a", "synthetic", "CC0-1.0", {"scenario": "cut_in", "seed": 3}),
        ("b", "real", real_licence, {"format": "kitti-object"}),
    ):
        frames = []
        for index in range(3):
            count = index + 1
            boxes = Boxes(
                rng.normal(0, 20, (count, 3)), np.tile([4.0, 1.8, 1.5], (count, 1)), rng.uniform(-3, 3, count),
                ["car"] * count, track=np.arange(count) if name == "a" else None,
            )  # fmt: skip
            sweep = Sweep(rng.normal(0, 10, (10 * count, 3)))
            labelled = None if index == 2 else boxes
            frames.append(Frame(index * 10**8, Transform.identity(), {"top": sweep}, boxes=labelled, name=f"{index}"))
        write_sequence(root, SequenceInfo(name, domain, f"drive-{name}", RIG, licence, made), frames)
    seal_dataset(root)
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dataset_at(tmp_path_factory.mktemp("card") / "mixed")


@pytest.fixture(scope="module")
def out(root: Path) -> Path:
    return write_card(open_dataset(root), root.parent / "out", url="https://lab.example/mixed").path.parent


def test_the_card_says_what_the_seals_say(root: Path, out: Path) -> None:
    card, dataset = json.loads((out / CARD_FILE).read_bytes()), open_dataset(root)
    assert (card["name"], card["url"]) == ("mixed", "https://lab.example/mixed")
    assert card["license"] == NC  # the strictest of what it is made of
    assert card["identifier"] == f"sha256:{dataset.digest}"
    assert dataset.header.log_head is not None
    assert dataset.header.log_head in card["description"]
    assert "2 LiDAR recordings (mixed; from kitti-object, scanyard) with 6 frames and 6 labelled" in card["description"]
    assert card["rai:dataCollection"].endswith("cut_in 1, kitti-object 1")
    assert "The KITTI Dataset" in card["citeAs"]
    assert "Not for commercial use" in (out / "LICENCE.md").read_text()


def test_croissants_own_loader_finds_nothing_to_complain_of_and_reads_every_row(
    out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its dependencies
        croissant = pytest.importorskip("mlcroissant")
        loaded = croissant.Dataset(jsonld=out / CARD_FILE)
        assert not loaded.metadata.ctx.issues.errors
        assert "not standard" not in caplog.text
        rows = {table: list(loaded.records(table)) for table in TABLES}
    assert {table: len(found) for table, found in rows.items()} == {"sequences": 2, "frames": 6, "boxes": 6}
    assert all(set(found[0]) == {f"{table}/{column.name}" for column in TABLES[table]} for table, found in rows.items())
    assert rows["sequences"][0]["sequences/provenance"] == b'{"scenario": "cut_in", "seed": 3}'


def test_the_tables_hold_every_frame_and_box(root: Path, out: Path) -> None:
    from pyarrow import parquet

    dataset = open_dataset(root)
    frames = parquet.read_table(out / "frames.parquet").to_pylist()
    assert [(row["sequence"], row["frame"], row["points"], row["boxes"]) for row in frames] == [
        (name, index, 10 * (index + 1), None if index == 2 else index + 1) for name in "ab" for index in range(3)
    ]
    boxes = parquet.read_table(out / "boxes.parquet").to_pylist()
    expected = dataset.sequences["a"].labels(1)
    assert expected is not None
    second = [row for row in boxes if row["sequence"] == "a" and row["frame"] == 1]
    np.testing.assert_array_equal([[row[f"center_{axis}_m"] for axis in "xyz"] for row in second], expected.center)
    np.testing.assert_array_equal([row["yaw_rad"] for row in second], expected.yaw_rad)
    assert [(row["track"], row["length_m"], row["width_m"]) for row in second] == [(0, 4.0, 1.8), (1, 4.0, 1.8)]
    assert {row["track"] for row in boxes if row["sequence"] == "b"} == {None}
    assert {row["num_points"] for row in boxes} == {None}


def test_a_changed_table_is_not_loaded(root: Path, tmp_path: Path) -> None:
    write_card(open_dataset(root), tmp_path / "out")
    table = tmp_path / "out/boxes.parquet"
    table.write_bytes(table.read_bytes() + b" ")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        croissant = pytest.importorskip("mlcroissant")
        with pytest.raises(Exception, match=r"Download\(boxes\.parquet\)"):
            list(croissant.Dataset(jsonld=tmp_path / "out" / CARD_FILE).records("boxes"))


def test_a_dataset_that_is_not_sealed_gets_no_card(tmp_path: Path) -> None:
    create_dataset(tmp_path / "d", name="d", licence="CC0-1.0")
    with pytest.raises(StoreError, match="is not sealed, and a card names its digest; run scanyard seal first"):
        write_card(open_dataset(tmp_path / "d"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_writes_a_card_or_says_what_forbids_it(tmp_path: Path) -> None:
    root = dataset_at(tmp_path / "d", real_licence="academic-only")

    def said(*arguments: str) -> str:
        return CliRunner().invoke(app, ["card", str(root), "--out", str(tmp_path / "out"), *arguments],
                                  catch_exceptions=False).output  # fmt: skip

    with pytest.raises(LicenceError, match="academic-only does not allow passing on"):
        said("--for", "passing on")
    assert not (tmp_path / "out").exists()
    assert "2 sequences, 6 frames, 6 boxes" in said()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "LICENCE.md", "boxes.parquet", "croissant.json", "frames.parquet", "sequences.parquet",
    ]  # fmt: skip
