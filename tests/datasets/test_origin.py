"""A licence goes wherever the frames go, and an export of non-commercial data says so."""

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from exchanged import CAMERA, LIDAR, recording

from scanyard.datasets import argoverse2_write, mcap_recording, nuscenes_write, rerun_recording
from scanyard.datasets.origin import (
    LICENCE_FILE,
    ORIGIN_FILE,
    FrameNote,
    SequenceNote,
    layout_of,
    non_commercial,
    notes_of,
    read_origin,
    write_origin,
)
from scanyard.errors import FormatError, StoreError
from scanyard.sensors import Rig

NC = "CC-BY-NC-SA-3.0"


def test_an_export_of_non_commercial_data_says_so(tmp_path: Path) -> None:
    real = recording(0, name="drive-5", domain="real", licence=NC)
    real.info.provenance.update({"format": "kitti-object"})  # type: ignore[attr-defined]
    write_origin(tmp_path, "openpcdet", "x forward", notes_of([recording(1), real]))
    text = (tmp_path / LICENCE_FILE).read_text()
    assert f"## {NC}" in text
    assert text.count("Not for commercial use") == 1
    assert "Geiger" in text  # the licence asks for attribution
    assert "## CC0-1.0" in text
    body = json.loads((tmp_path / ORIGIN_FILE).read_text())
    assert body["non_commercial"] is True
    assert body["licences"] == ["CC-BY-NC-SA-3.0", "CC0-1.0"]
    assert body["convention"] == "x forward"


def test_an_export_of_our_own_data_does_not(tmp_path: Path) -> None:
    write_origin(tmp_path, "openpcdet", "", notes_of([recording(1)]))
    assert "ommercial" not in (tmp_path / LICENCE_FILE).read_text()
    assert json.loads((tmp_path / ORIGIN_FILE).read_text())["non_commercial"] is False


@pytest.mark.parametrize(
    ("licence", "expected"),
    [(NC, True), ("CC-BY-NC-SA-4.0", True), ("cc_by_nc_4.0", True), ("CC0-1.0", False), ("CC-BY-4.0", False),
     ("Apache-2.0", False), ("", True), ("unknown", True), ("NOASSERTION", True), ("ENCORE-1.0", False)],
)  # fmt: skip
def test_which_licences_forbid_commercial_use(licence: str, expected: bool) -> None:
    assert non_commercial(licence) is expected


def test_what_is_said_of_a_recording_comes_back(tmp_path: Path) -> None:
    expected = recording(2)
    write_origin(tmp_path, "openpcdet", "", notes_of([expected]))
    (note,) = read_origin(tmp_path, "openpcdet") or ()
    assert note.info.rig.to_dict() == expected.info.rig.to_dict()
    assert (note.info.drive, note.info.domain, note.info.licence) == ("drive-of-walk", "synthetic", "CC0-1.0")


def test_a_folder_of_somebody_else_has_no_origin(tmp_path: Path) -> None:
    assert read_origin(tmp_path, "openpcdet") is None


@pytest.mark.parametrize("damage", ["{", "[]", '{"format": "scanyard-export-1", "layout": "openpcdet"}'])
def test_a_damaged_note_is_said(damage: str, tmp_path: Path) -> None:
    (tmp_path / ORIGIN_FILE).write_text(damage)
    with pytest.raises(FormatError, match="damaged"):
        read_origin(tmp_path, "openpcdet")


@pytest.mark.parametrize(
    ("key", "value"),
    [("timestamp_ns", float("inf")), ("timestamp_ns", []), ("world_from_ego", None), ("world_from_ego", [[1, 0], [0]])],
)
def test_a_note_with_a_wrong_value_is_damaged(key: str, value: object, tmp_path: Path) -> None:
    expected = recording(4, frames=1)
    frames = [FrameNote.of("000000", frame) for frame in expected]
    write_origin(tmp_path, "openpcdet", "", [SequenceNote(expected.info, tuple(frames))])
    body = json.loads((tmp_path / ORIGIN_FILE).read_text())
    body["sequences"][0]["frames"][0][key] = value
    (tmp_path / ORIGIN_FILE).write_text(json.dumps(body))
    with pytest.raises(FormatError, match=r"scanyard\.json: damaged"):
        read_origin(tmp_path, "openpcdet")


def test_a_note_without_end_is_damaged(tmp_path: Path) -> None:
    (tmp_path / ORIGIN_FILE).write_text("[" * 100_000)
    for read in (layout_of, lambda root: read_origin(root, "openpcdet")):
        with pytest.raises(FormatError, match=r"scanyard\.json: damaged"):
            read(tmp_path)


def test_a_note_of_another_layout_is_said(tmp_path: Path) -> None:
    write_origin(tmp_path, "nuscenes", "", notes_of([recording(3)]))
    with pytest.raises(FormatError, match="import it as 'nuscenes'"):
        read_origin(tmp_path, "openpcdet")


@pytest.mark.parametrize("write", [nuscenes_write, argoverse2_write, mcap_recording, rerun_recording])
def test_no_sequence_is_written_outside_the_folder(write: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"sequence '\.\./\.\./walk' cannot be a file name"):
        write.write_dataset(tmp_path / "a/out", [recording(name="../../walk")])
    assert [
        path for path in tmp_path.rglob("*") if path.is_file() and not path.is_relative_to(tmp_path / "a/out")
    ] == []


def test_no_sensor_of_nuscenes_is_written_outside_the_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"sensor 'CAM_\.\./x' cannot be a file name"):
        nuscenes_write.channels_of(Rig("r", (LIDAR,), (replace(CAMERA, name="CAM_../x"),)))
