"""Pictures put things where they are."""

import base64

import numpy as np

from scanyard.boxes import Boxes, corners
from scanyard.view import draw_birdseye, draw_overlay
from scanyard.view.birdseye import Extent
from scanyard.view.charts import ObjectPoints, binned, points_chart
from scanyard.view.cloud import MAX_POINTS, STEP_M, pack_cloud
from scanyard.view.palette import DETECTION, LABEL
from scanyard.view.survey import survey
from tests.view.street import RIG, street, street_frame

LONE_CAR = Boxes(np.array([[20.0, 6.0, 0.8]]), np.array([[4.0, 1.8, 1.6]]), np.array([0.0]), np.array(["car"]))


def nearness(picture: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    return np.abs(picture.astype(int) - color).max(axis=-1) < 60


def centre_of(mask: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(mask)
    return float((columns.min() + columns.max()) / 2), float((rows.min() + rows.max()) / 2)


def test_a_label_stands_where_it_is_seen_from_above_left_is_left_and_forward_is_up() -> None:
    frame = street_frame(0).replace(boxes=LONE_CAR, sweeps={})
    picture = np.asarray(draw_birdseye(frame, RIG))
    column, row = centre_of(nearness(picture, LABEL))
    middle = picture.shape[1] / 2
    assert column < middle  # y = 6 m is to the left
    assert abs((middle - column) / Extent().pixels_per_m - 6.0) < 0.3
    assert abs((60.0 - row / Extent().pixels_per_m) - 20.0) < 0.4


def test_detections_are_drawn_from_the_least_score_up() -> None:
    frame = street_frame(0).replace(boxes=None, sweeps={})
    weak, strong = (np.asarray(draw_birdseye(frame, RIG, detections=LONE_CAR.replace(score=[s]))) for s in (0.2, 0.8))
    assert not nearness(weak, DETECTION).any()
    assert nearness(strong, DETECTION).any()


def test_a_box_in_the_overlay_surrounds_its_projection() -> None:
    frame = street_frame(0).replace(boxes=LONE_CAR)
    picture = draw_overlay(frame, RIG, points=False)
    assert picture is not None
    before = frame.images["left"].rgb
    drawn = (np.asarray(picture) == LABEL).all(axis=-1) & (before != LABEL).any(axis=-1)
    pixels, _ = RIG.cameras[0].project(corners(LONE_CAR)[0])
    column, row = centre_of(drawn)
    expected = (pixels.min(axis=0) + pixels.max(axis=0)) / 2
    assert np.allclose((column, row), expected, atol=3)


def test_a_box_behind_the_camera_is_not_drawn() -> None:
    frame = street_frame(0).replace(boxes=LONE_CAR.replace(center=LONE_CAR.center * [-1, 1, 1]))
    picture = draw_overlay(frame, RIG, points=False)
    assert np.array_equal(np.asarray(picture), frame.images["left"].rgb)


def test_a_frame_without_an_image_has_no_overlay() -> None:
    assert draw_overlay(street_frame(0, image=False), RIG) is None


def test_a_packed_cloud_keeps_places_to_half_a_step_and_knows_whose_point_is_whose() -> None:
    frame = street_frame(3)
    packed = pack_cloud(frame, RIG)
    xyz = np.frombuffer(base64.b64decode(packed["xyz"]), "<i2").reshape(-1, 3) * packed["step"]
    points = RIG.lidars[0].ego_from_sensor.apply(frame.sweeps["top"].points)
    assert packed["count"] == packed["total"] == len(points)
    assert np.abs(xyz - points).max() <= STEP_M / 2 + 1e-4
    owner = np.frombuffer(base64.b64decode(packed["object"]), np.uint8)
    truth = frame.sweeps["top"].instance
    assert truth is not None
    assert (owner[truth > 0] > 0).mean() > 0.99
    names = [name for name, _ in packed["legend"]]
    tag = np.frombuffer(base64.b64decode(packed["class"]), np.uint8)
    assert {names[t] for t in np.unique(tag[truth > 0])} == {"car"}


def test_without_semantic_tags_a_point_has_the_class_of_its_label() -> None:
    packed = pack_cloud(street_frame(3, semantic=False), RIG)
    assert [name for name, _ in packed["legend"]] == ["unlabelled", "car"]
    tag = np.frombuffer(base64.b64decode(packed["class"]), np.uint8)
    assert 0 < (tag == 1).sum() < (tag == 0).sum()


def test_a_large_cloud_is_thinned_the_same_way_every_time() -> None:
    frame = street_frame(0)
    sweep = frame.sweeps["top"]
    large = frame.replace(sweeps={"top": sweep[np.resize(np.arange(len(sweep)), 2 * MAX_POINTS)]})
    first, again = pack_cloud(large, RIG), pack_cloud(large, RIG)
    assert first["count"] == MAX_POINTS
    assert first["total"] == 2 * MAX_POINTS
    assert first == again


def test_bins_of_few_objects_are_left_out_and_medians_are_medians() -> None:
    distance = np.array([11.0, 12.0, 13.0, 14.0, 14.5, 41.0])
    at, low, middle, high = binned(ObjectPoints("d", "real", distance, np.array([10.0, 20.0, 30.0, 40.0, 50.0, 1.0])))
    assert at.tolist() == [12.5]
    assert middle.tolist() == [30.0]
    assert low[0] < 30.0 < high[0]


def test_a_chart_takes_its_colours_from_the_page_and_escapes_names() -> None:
    data = ObjectPoints("<b>hostile</b>", "real", np.linspace(5, 50, 60), np.linspace(500, 5, 60))
    svg = points_chart([data])
    assert "var(--ink)" in svg
    assert "<b>hostile" not in svg
    assert "http" not in svg


def test_a_survey_prefers_frames_with_detections_and_one_of_each_drive() -> None:
    recordings = [street(f"s{i}", drive=f"d{i // 2}", seed=i, frames=2) for i in range(4)]
    seen = survey("both", recordings, prefer={("s3", 1): None})
    first, second = seen.choose(2)
    assert (first.sequence.info.name, first.index) == ("s3", 1)
    assert {first.sequence.info.drive, second.sequence.info.drive} == {"d0", "d1"}
    assert len(seen.cars.distance_m) == 4 * 2 * 5
