import numpy as np
import pytest
import torch
from toy_street import FOUR_CARS, RIG, RIG_WITHOUT_CAMERA, SMALL, cars, recording, source, street

from scanyard.boxes import Boxes, overlap_3d, overlap_bev
from scanyard.detect import PillarDetector, Source, TrainRecipe, train
from scanyard.detect.example import prepare
from scanyard.detect.network import PillarNet
from scanyard.detect.optimise import optimise
from scanyard.detect.pillars import Grid
from scanyard.errors import InputError
from scanyard.frame import Frame


@pytest.fixture(scope="module")
def street_seen() -> Frame:
    return street()


@pytest.fixture(scope="module")
def detector(street_seen: Frame) -> PillarDetector:
    return train([source(street_seen)], SMALL, threads=1)


def overlaps(labels: Boxes, found: Boxes) -> np.ndarray:
    """Best 3-D overlap (N,) of each label with any of the detections."""
    return overlap_3d(labels, found).max(axis=1, initial=0.0)


def test_finds_the_cars_of_the_street_it_was_trained_on(detector: PillarDetector, street_seen: Frame) -> None:
    found = detector.detect(street_seen, RIG)
    assert (overlaps(FOUR_CARS, found) > 0.6).all()  # a flipped yaw or a bottom taken for a centre gives less
    assert (found.score[:4] > 0.3).all()


def test_finds_them_from_another_pattern_of_points(detector: PillarDetector) -> None:
    found = detector.detect(street(seed=7), RIG)
    assert (overlaps(FOUR_CARS, found) > 0.5).all()


def test_a_hill_lifts_the_detections_with_the_street(detector: PillarDetector) -> None:
    hill = street(slope=0.06)
    assert (overlaps(hill.boxes, detector.detect(hill, RIG)) > 0.5).all()


def test_detections_are_sorted_apart_from_each_other_and_inside_the_image(
    detector: PillarDetector, street_seen: Frame
) -> None:
    found = detector.detect(street_seen, RIG)
    assert (np.diff(found.score) <= 0).all()
    assert (overlap_bev(found, found) - np.eye(len(found)) < 0.11).all()
    assert (found.image_box[:, :2] >= 0).all()
    assert (found.image_box[:, 2:] <= (1241, 374)).all()


def test_works_without_a_camera_and_says_no_image_box(street_seen: Frame) -> None:
    detector = train([source(street_seen, rig=RIG_WITHOUT_CAMERA)], replace_steps(2), threads=1)
    assert detector.detect(street_seen, RIG_WITHOUT_CAMERA).image_box is None


def test_detects_nothing_in_an_empty_sweep(detector: PillarDetector, street_seen: Frame) -> None:
    sweep = street_seen.sweeps["top"]
    empty = street_seen.replace(sweeps={"top": sweep[np.zeros(len(sweep), dtype=bool)]})
    found = detector.detect(empty, RIG)
    assert found.score is not None
    assert len(found) <= 100


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_seed_gives_the_same_weights(street_seen: Frame, threads: int) -> None:
    first = train([source(street_seen)], replace_steps(3), threads=threads)
    torch.rand(1)  # whatever else drew numbers in between
    second = train([source(street_seen)], replace_steps(3), threads=threads)
    for name, weights in first.net.state_dict().items():
        assert torch.equal(weights, second.net.state_dict()[name]), name


def test_another_seed_gives_other_weights(street_seen: Frame) -> None:
    first, second = (train([source(street_seen)], replace_steps(2, seed=seed), threads=1) for seed in (0, 1))
    assert not torch.equal(first.net.heat.weight, second.net.heat.weight)


def test_leaves_torch_as_it_was(street_seen: Frame) -> None:
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    train([source(street_seen)], replace_steps(1), threads=1 if threads > 1 else 2)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), state)


def test_takes_exactly_the_steps_asked_for_and_reports_each(street_seen: Frame) -> None:
    reports: list[tuple[int, int, float]] = []
    detector = train([source(street_seen)], replace_steps(5), threads=1, on_progress=lambda *r: reports.append(r))
    assert [(step, steps) for step, steps, _ in reports] == [(step, 5) for step in range(1, 6)]
    assert detector.training.losses == tuple((step, pytest.approx(loss)) for step, _, loss in reports)


def test_the_second_look_is_trained_after_the_first_and_leaves_it_alone(street_seen: Frame) -> None:
    recipe = replace_steps(10)
    example = prepare(street_seen, RIG, recipe)
    torch.manual_seed(0)
    net = PillarNet(1, Grid.of(recipe).shape)
    seen: list[dict[str, torch.Tensor]] = []
    optimise(net, [[example]], [1.0], recipe, lambda *_: seen.append(weights_of(net)))
    first, second = recipe.steps_of_looks
    assert (first, second) == (6, 4)
    untrained, trained, end = seen[0], seen[first - 1], seen[-1]
    for name in end:
        if name.startswith(("refine.", "heading.")):
            assert torch.equal(trained[name], untrained[name]), name
        else:
            assert torch.equal(end[name], trained[name]), name
    assert not torch.equal(end["refine.each.0.weight"], trained["refine.each.0.weight"])
    assert not torch.equal(end["heading.each.0.weight"], trained["heading.each.0.weight"])
    assert not torch.equal(trained["heat.weight"], untrained["heat.weight"])


def weights_of(net: PillarNet) -> dict[str, torch.Tensor]:
    return {name: weights.clone() for name, weights in net.state_dict().items()}


def test_goes_on_from_another_detector(detector: PillarDetector, street_seen: Frame) -> None:
    losses: list[float] = []
    tuned = train(
        [source(street_seen, domain="real")],
        replace_steps(2, seed=9),
        start_from=detector,
        threads=1,
        on_progress=lambda _step, _steps, loss: losses.append(loss),
    )
    assert losses[0] < 0.5 * detector.training.losses[0][1]
    assert tuned.training.earlier == (detector.recipe,)
    assert tuned.training.frames_by_domain == {"real": 1, "synthetic": 1}


def test_does_not_touch_the_detector_it_goes_on_from(detector: PillarDetector, street_seen: Frame) -> None:
    before = {name: weights.clone() for name, weights in detector.net.state_dict().items()}
    train([source(street_seen)], replace_steps(1), start_from=detector, threads=1)
    assert all(torch.equal(weights, before[name]) for name, weights in detector.net.state_dict().items())


def test_refuses_to_go_on_with_other_categories(detector: PillarDetector, street_seen: Frame) -> None:
    with pytest.raises(InputError, match="same categories"):
        train([source(street_seen)], replace_steps(1, categories=("cyclist",)), start_from=detector)


def test_several_categories_are_told_apart() -> None:
    people = cars([(12.0, -3.0, 0.0), (18.0, 4.0, 0.5)], "pedestrian").replace(
        size=np.tile([0.8, 0.7, 1.75], (2, 1)), center=[[12.0, -3.0, 0.875], [18.0, 4.0, 0.875]]
    )
    frame = street(Boxes.concatenate([cars([(10.0, 3.0, 0.5), (20.0, -6.0, -0.6)]), people]))
    detector = train([source(frame)], replace_steps(80, categories=("car", "pedestrian")), threads=1)
    found = detector.detect(frame, RIG)
    best = overlap_bev(frame.boxes, found).argmax(axis=1)
    assert found.category[best].tolist() == frame.boxes.category.tolist()


def test_frames_without_labels_are_refused(street_seen: Frame) -> None:
    with pytest.raises(InputError, match="no labels"):
        train([source(street_seen.replace(boxes=None))], SMALL)


def test_a_label_without_extent_stops_training(street_seen: Frame) -> None:
    flat = street_seen.boxes.replace(size=street_seen.boxes.size * (1, 0, 1))
    with pytest.raises(InputError, match=r"the loss is (inf|nan) at step 1 of 160; look for labels without extent"):
        train([source(street_seen.replace(boxes=flat))], SMALL)


def test_no_label_of_the_wanted_category_is_refused(street_seen: Frame) -> None:
    with pytest.raises(InputError, match=r"none of 1 frames has a label of \['tram'\]"):
        train([source(street_seen)], replace_steps(1, categories=("tram",)))


@pytest.mark.parametrize("sources", [[], [Source((recording([]),))]])
def test_nothing_to_train_on_is_refused(sources: list[Source]) -> None:
    with pytest.raises(InputError, match="no frames"):
        train(sources, SMALL)


def test_a_frame_without_the_lidar_is_refused(detector: PillarDetector, street_seen: Frame) -> None:
    with pytest.raises(InputError, match="no sweep 'top'"):
        detector.detect(street_seen.replace(sweeps={}), RIG)


def replace_steps(steps: int, *, seed: int = 0, categories: tuple[str, ...] = ("car",)) -> TrainRecipe:
    return TrainRecipe.from_dict(SMALL.to_dict() | {"steps": steps, "seed": seed, "categories": categories})
