"""``scanyard compare``: detections files of several detectors, put in order on the same labels."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scanyard.cli.app import app
from scanyard.cli.order import what_can_be_told
from scanyard.detect import detect_all, read_detections, write_detections
from scanyard.errors import ContractError, EvaluationError, InputError
from scanyard.metrics import Difference, Order, Pair
from scanyard.store import create_dataset, write_sequence
from tests.robustness.known_detectors import CountingDetector, split_of_drives


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven drives, and what a sharp and a dull detector find in them."""
    root = tmp_path_factory.mktemp("compare")
    split = split_of_drives(drives=7, frames=1)
    create_dataset(root / "streets", name="streets", licence="CC0-1.0")
    for sequence in split.sequences:
        write_sequence(root / "streets", sequence.info, sequence)
    for name, at_least in (("sharp", 1), ("dull", 100_000)):
        write_detections(root / f"{name}.json", detect_all(CountingDetector(at_least), split.sequences))
    return root


def compare(folder: Path, *detections: str, out: Path | None = None, options=("--difficulty", "hard")):  # type: ignore[no-untyped-def]
    arguments = ["compare", str(folder / "streets")]
    for item in detections:
        name, file = item.split("=")
        arguments += ["--detections", f"{name}={folder / file}"]
    arguments += [*options, *(["--out", str(out)] if out else [])]
    return CliRunner().invoke(app, arguments)


def test_two_detectors_are_ordered_with_p_and_what_could_be_told(folder: Path, tmp_path: Path) -> None:
    result = compare(folder, "dull=dull.json", "sharp=sharp.json", out=tmp_path / "order.json")
    assert result.exit_code == 0, result.output
    assert "sharp is better" in result.output
    assert "resampled by drive" in result.output
    assert "What this holdout can tell is not known: drawn anew" in result.output
    order = json.loads((tmp_path / "order.json").read_text(encoding="utf-8"))
    assert [(one["name"], one["letters"]) for one in order["standings"]] == [("sharp", "a"), ("dull", "b")]
    assert order["pairs"][0]["difference"]["p_value"] == 2 / 2**7


def test_a_detector_is_not_told_apart_from_itself(folder: Path) -> None:
    result = compare(folder, "one=sharp.json", "other=sharp.json")
    assert result.exit_code == 0, result.output
    assert "no difference could be shown" in result.output
    assert "in too few of its drives do these detectors differ" in " ".join(result.output.split())
    assert "1-2" in result.output


def test_one_detector_alone_is_refused(folder: Path) -> None:
    result = compare(folder, "one=sharp.json", "one=dull.json")
    assert isinstance(result.exception, InputError)
    assert "name two or more" in str(result.exception)


def test_drives_that_a_detector_left_out_are_not_left_out_for_it(folder: Path) -> None:
    found = read_detections(folder / "sharp.json")
    partly = [one for one in found.frames if one.sequence != "street-6"]
    write_detections(folder / "partly.json", replace(found, frames=tuple(partly)))
    result = compare(folder, "dull=dull.json", "partly=partly.json")
    assert isinstance(result.exception, ContractError)
    assert "1 of 7 frames with labels have no detections, the first is '0' of drive 'street-6'" in str(result.exception)
    assert "--drive" in str(result.exception)
    chosen = [word for number in range(6) for word in ("--drive", f"drive-{number}")]
    result = compare(folder, "dull=dull.json", "partly=partly.json", options=(*chosen, "--difficulty", "hard"))
    assert result.exit_code == 0, result.output
    assert "partly is better" in result.output


def test_a_pair_that_was_not_tested_is_no_finding(folder: Path) -> None:
    result = compare(folder, "dull=dull.json", "sharp=sharp.json", "sharp=sharp.json")
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "not tested: 1 and 2" in said or "not tested: 2 and 1" in said
    assert "1 of 1 pairs were not tested: whether they differ is not known." in said
    assert "no difference" not in said
    assert "This holdout" not in said


def pair(least: float, detectable: float | None) -> Pair:
    return Pair("a", "b", Difference(3.0, 1.0, 5.0, 0.2, detectable, least_p=least), 0.6, 3 * least)


def test_what_can_be_told_is_said_of_the_pairs_of_which_something_can() -> None:
    told = [
        what_can_be_told(Order((), pairs, ""))
        for pairs in (
            (pair(0.001, 4.5), pair(0.001, 2.5), pair(0.03, None)),
            (pair(0.001, None), pair(0.001, None)),
            (pair(0.03, None), pair(0.03, None)),
        )
    ]
    assert told[0] == (
        "This holdout can tell differences of at least 2.5 to 4.5 points (power 0.8 at the 5 % level, corrected for 3 "
        "pairs); of 1 of the pairs it could show nothing."
    )
    assert told[1].startswith("What this holdout can tell is not known")
    assert told[2].startswith("This holdout can show no difference at the 5 % level, corrected for 2 pairs")


@pytest.mark.parametrize(
    ("protocol", "compared"),
    [
        ("kitti_r40", "car moderate bev@0.7"),
        ("nuscenes", "car all ap"),
        ("argoverse2", "regular_vehicle all ap"),
        ("waymo", "vehicle level_2 ap@0.7"),  # whose returns are counted in the sweeps
    ],
)
def test_every_protocol_has_a_precision_to_order_by(folder: Path, protocol: str, compared: str) -> None:
    result = compare(folder, "dull=dull.json", "sharp=sharp.json", options=("--protocol", protocol))
    assert result.exit_code == 0, result.output
    assert f"{compared} on streets" in result.output
    assert "sharp is better" in result.output


@pytest.mark.parametrize(
    ("options", "compared"),
    [
        (("--protocol", "nuscenes", "--metric", "nds"), "all all nds"),
        (("--protocol", "nuscenes", "--metric", "ap", "--category", "all"), "all all ap"),
        (("--protocol", "argoverse2", "--category", "all"), "all all cds"),
    ],
)
def test_means_over_categories_order_detectors_too(folder: Path, options: tuple[str, ...], compared: str) -> None:
    result = compare(folder, "dull=dull.json", "sharp=sharp.json", options=options)
    assert result.exit_code == 0, result.output
    assert f"{compared} on streets" in result.output
    assert "sharp is better" in result.output


def test_a_category_that_a_protocol_has_not_is_refused(folder: Path) -> None:
    options = ("--protocol", "waymo", "--category", "tram")
    result = compare(folder, "dull=dull.json", "sharp=sharp.json", options=options)
    assert isinstance(result.exception, EvaluationError)
    assert "no category 'tram'; it has ['vehicle'" in str(result.exception)


def test_detections_that_do_not_fit_the_labels_are_refused_by_name(folder: Path) -> None:
    found = read_detections(folder / "sharp.json")
    bottoms = [
        replace(one, boxes=one.boxes.replace(center=one.boxes.center - [0, 0, 0.5] * one.boxes.size))
        for one in found.frames
    ]
    write_detections(folder / "bottom.json", replace(found, frames=tuple(bottoms)))
    result = compare(folder, "sharp=sharp.json", "bottom=bottom.json")
    assert isinstance(result.exception, ContractError)
    assert "bottom for centre: detector bottom" in str(result.exception)
    result = compare(folder, "sharp=sharp.json", "bottom=bottom.json", options=("--accept", "bottom_for_centre"))
    assert "expected some of ['range_mismatch', 'region_mismatch']" in str(result.exception)
