from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_street import FOUR_CARS, RIG, SMALL, cars, source, street

from scanyard.boxes import Boxes, overlap_3d
from scanyard.detect import train
from scanyard.detect.coding import targets, typical_sizes
from scanyard.detect.example import Example, as_boxes, prepare
from scanyard.detect.lessons import displaced, lesson
from scanyard.detect.loss import second_loss
from scanyard.detect.network import HEAT_M, PillarNet
from scanyard.detect.peaks import Peaks, find_peaks
from scanyard.detect.pillars import Grid, occupied_cells
from scanyard.detect.refine import RefineNet, refined
from scanyard.detect.seen import seen_of

GRID = Grid.of(SMALL, HEAT_M)
RNG = np.random.default_rng(0)


def peaks_at(*rows: tuple[float, ...], category: int = 0) -> Peaks:
    """What the first look would say of one frame: boxes of a car's size at (x, y)."""
    box = torch.tensor([[x, y, 0.75, 4.0, 1.7, 1.5, 0.0] for x, y in rows]).reshape(-1, 7)
    cell = ((box[:, 0] - GRID.x_m) / HEAT_M).long() * GRID.columns + ((box[:, 1] - GRID.y_m) / HEAT_M).long()
    zero = torch.zeros(len(rows), dtype=torch.long)
    return Peaks(zero, cell, zero + category, box, torch.ones(len(rows)))


def shown(example: Example, peaks: Peaks) -> np.ndarray:
    found = lesson([example], peaks, targets([example], GRID, 1), np.random.default_rng(1))
    assert found is not None
    return found.matched


def test_a_displaced_label_leads_back_to_its_label() -> None:
    example = prepare(street(), RIG, SMALL)
    found = lesson([example], peaks_at(), targets([example], GRID, 1), RNG)
    assert found is not None
    assert found.matched.mean() > 0.7  # the widest displacements leave less than a third
    label = as_boxes(example.boxes[found.matched])
    back = as_boxes(found.proposals.corrected(found.errors)[found.matched])
    np.testing.assert_allclose(np.diag(overlap_3d(back, label)), 1, atol=1e-6)


def test_labels_are_displaced_by_as_much_as_is_said() -> None:
    label = np.tile([10.0, 3.0, 0.75, 4.0, 1.7, 1.5, 0.4], (20000, 1))
    moved = displaced(label, np.random.default_rng(0))
    spread = 0.25 * np.sqrt((1 + 0.2 + 0.04) / 3)  # of a share between a fifth and the whole
    assert (moved - label)[:, 0].std() == pytest.approx(spread, rel=0.03)
    assert np.log(moved / label)[:, 4].std() == pytest.approx(spread * 0.08 / 0.25, rel=0.03)


def test_a_false_alarm_is_shown_as_one() -> None:
    example = prepare(street(cars([(10.0, 3.0, 0.0)])), RIG, SMALL)
    matched = shown(example, peaks_at((10.1, 3.1), (20.0, -6.0)))
    assert matched[:2].tolist() == [True, False]


def test_a_car_is_no_answer_to_a_pedestrian() -> None:
    example = prepare(street(cars([(10.0, 3.0, 0.0)])), RIG, replace(SMALL, categories=("car", "pedestrian")))
    wanted = targets([example], GRID, 2)
    found = lesson([example], peaks_at((10.0, 3.0), category=1), wanted, RNG)
    assert found is not None
    assert not found.matched[0]


def test_nobody_is_blamed_for_a_look_alike() -> None:
    boxes = Boxes.concatenate([cars([(10.0, 3.2, 0.0)], "van"), cars([(20.0, -6.0, 0.0)])])
    example = prepare(street(boxes), RIG, SMALL)
    wanted = targets([example], GRID, 1)
    found = lesson([example], peaks_at((10.0, 3.2)), wanted, np.random.default_rng(3))
    assert found is not None
    assert len(found.matched) == 1  # the car's displaced label alone
    assert lesson([example], peaks_at((10.0, 3.2), (15.0, 0.0)), wanted, RNG).category.shape == (2,)


def test_nothing_to_look_at_is_no_lesson() -> None:
    example = prepare(street(cars([(10.0, 3.0, 0.0)], "van")), RIG, SMALL)
    assert lesson([example], peaks_at(), targets([example], GRID, 1), RNG) is None


def test_the_second_look_improves_on_the_first() -> None:
    frame = street()
    detector = train([source(frame)], SMALL, threads=1)
    example = prepare(street(seed=5), RIG, SMALL)
    net, typical = detector.net, typical_sizes(SMALL.categories)
    with torch.inference_mode():
        look = net(occupied_cells([example.points], Grid.of(SMALL)))
        peaks = find_peaks(net, look, typical, GRID, least=0.1, most=50)
        first = peaks.box.double().numpy()
        second, quality = refined(
            net.refine,
            net.heading,
            first,
            peaks.category.numpy(),
            points=example.points,
            sensor_m=example.sensor_m,
            names=SMALL.categories,
        )
    labels = as_boxes(example.boxes)
    before, after = (overlap_3d(labels, as_boxes(boxes)).max(axis=1) for boxes in (first, second))
    assert after.mean() > before.mean()
    assert len(labels) == len(FOUR_CARS)
    assert ((quality >= 0) & (quality <= 1)).all()


def test_peaks_come_best_first_and_no_more_than_asked_for() -> None:
    torch.manual_seed(0)
    net = PillarNet(1, Grid.of(SMALL).shape).eval()
    example = prepare(street(), RIG, SMALL)
    with torch.inference_mode():
        look = net(occupied_cells([example.points] * 2, Grid.of(SMALL)))
        every = find_peaks(net, look, typical_sizes(["car"]), GRID, least=0.0, most=10**6)
        few = find_peaks(net, look, typical_sizes(["car"]), GRID, least=0.0, most=5)
    assert (every.chance.diff() <= 0).all()
    assert torch.equal(few.box, every.box[:5])
    assert set(every.batch.tolist()) == {0, 1}
    assert torch.equal(torch.bincount(every.batch), torch.full((2,), len(every.chance) // 2))  # two alike frames


def test_the_loss_of_the_second_look_falls_where_answers_get_better() -> None:
    examples = [prepare(street(), RIG, SMALL)] * 6
    wanted = targets(examples, GRID, 1)
    torch.manual_seed(0)
    net = RefineNet(1)
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    losses = []
    for step in range(60):
        found = lesson(examples, peaks_at((15.0, 0.0)), wanted, np.random.default_rng(step))
        loss = second_loss(net, seen_of(found.proposals, found.category, SMALL.categories), found)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:5])


def test_a_lesson_of_false_alarms_only_has_a_loss() -> None:
    example = prepare(street(cars([(10.0, 3.0, 0.0)], "van")), RIG, SMALL)
    found = lesson([example], peaks_at((20.0, -6.0), (20.0, 4.0)), targets([example], GRID, 1), RNG)
    loss = second_loss(RefineNet(1), seen_of(found.proposals, found.category, SMALL.categories), found)
    assert torch.isfinite(loss)
    assert loss > 0
