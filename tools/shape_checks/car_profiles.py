"""How alike the returns from our cars and from real ones are, pooled over cars in box coordinates.

Every real car (KITTI, unhidden, within 45 m) gets twins of ours: the same box, place and beams.  Their points are
scaled to the box (x over length, y over width, z over height) and pooled into three views, each car counting the same.
The figure of merit is the Jensen-Shannon divergence (bits, 0 alike, 1 nothing in common) of real and ours per view,
with a 90 % interval over cars.  Two floors say what is as good as it gets: ours against other twins of ours at the same
places, and real cars against other real ones.

Below the views stand numbers that say what to change: where roofs and sides lie in the box, how much comes back from
above the belt line, from how deep inside, how round noses and tails are.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from numpy.typing import NDArray
from real_cars import RealCar, read_cars
from scipy.ndimage import gaussian_filter
from scipy.stats import ks_2samp
from twins import seen

from scanyard.carla_server.shapes.catalogue import shape_for
from scanyard.carla_server.shapes.population import body_of_size, draw_body
from scanyard.datasets.kitti import read_sequences
from scanyard.randomness import stream

Floats = NDArray[np.float64]
Sizes = tuple[float, float, float]

VIEWS = {
    "side": ((0, (-0.56, 0.56), 56), (2, (0.08, 1.08), 36)),
    "top": ((0, (-0.56, 0.56), 56), (1, (-0.60, 0.60), 40)),
    "front": ((1, (-0.60, 0.60), 40), (2, (0.08, 1.08), 36)),
}
"""Axes (which, range, bins) of each pooled view."""
RANGES_M = (0, 12, 20, 28, 36, 46, 75)
BELT = 0.62  # share of the height where windows start, about


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/car_profiles", description=__doc__)
    parser.add_argument("--real", type=Path, required=True, help="folder in KITTI's object layout")
    parser.add_argument("--out", type=Path, default=Path("car_profiles.png"))
    parser.add_argument("--copies", type=int, default=4, help="twins per real car")
    parser.add_argument("--category", default="car", choices=("car", "van"))
    options = parser.parse_args()
    compare_sizes(options.real, options.category)
    cars = read_cars(options.real, options.category)
    sizes = np.array([car.size for car in cars])
    real = [normalised(car.points, car.size) for car in cars]
    twins = [[twin(car, options.category, copy) for car in cars] for copy in range(options.copies)]
    ours = [normalised(np.concatenate(copies), car.size) for car, *copies in zip(cars, *twins, strict=True)]
    halves = [
        [normalised(np.concatenate(copies[part::2]), car.size) for car, *copies in zip(cars, *twins, strict=True)]
        for part in (0, 1)
    ]
    result: dict[str, float] = {"cars": len(cars), "drives": len({car.drive for car in cars})}
    print(f"{len(cars)} real {options.category}s of {result['drives']} drives, {options.copies} twins each")
    print(f"mean size {sizes.mean(axis=0).round(3)}, spread {sizes.std(axis=0).round(3)}")
    print(f"{'view':8}{'divergence':>12}{'90 %':>18}{'ours/ours':>12}{'real/real':>12}")
    for view in VIEWS:
        stacks = [histograms(clouds, view) for clouds in (real, ours, *halves)]
        here, low, high = bootstrapped(stacks[0], stacks[1])
        floor = divergence(stacks[2].mean(axis=0), stacks[3].mean(axis=0))
        split = real_floor(stacks[0])
        result |= {view: round(here, 4), f"{view}_low": round(low, 4), f"{view}_high": round(high, 4)}
        print(f"{view:8}{here:12.4f}{f'{low:.4f} .. {high:.4f}':>18}{floor:12.4f}{split:12.4f}")
    result["mean"] = round(float(np.mean([result[view] for view in VIEWS])), 4)
    print(f"{'mean':8}{result['mean']:12.4f}")
    print(f"{'':44}{'real':>10}{'ours':>10}{'difference':>12}{'90 %':>20}")
    for name, measure in MEASURES.items():
        pairs = np.array([[measure(a, car), measure(b, car)] for a, b, car in zip(real, ours, cars, strict=True)])
        pairs = pairs[np.isfinite(pairs).all(axis=1)]
        if len(pairs) < 5:
            continue
        apart = pairs[:, 1] - pairs[:, 0]
        rng = stream("profiles", name)
        drawn = apart[rng.integers(len(apart), size=(1000, len(apart)))].mean(axis=1)
        low, high = np.quantile(drawn, [0.05, 0.95])
        a, b = pairs.mean(axis=0)
        result[name] = round(float(apart.mean()), 4)
        print(f"{name:36}{f'n={len(pairs)}':>8}{a:10.3f}{b:10.3f}{apart.mean():12.4f}{f'{low:.4f} .. {high:.4f}':>20}")
    counts = np.array([[len(a), len(b) / options.copies] for a, b in zip(real, ours, strict=True)])
    ratio = np.log2(counts[:, 1] / counts[:, 0])
    result["points_log2"] = round(float(np.median(ratio)), 3)
    quartiles = np.quantile(ratio, [0.1, 0.25, 0.5, 0.75, 0.9]).round(2)
    print(f"points per car, ours over real, log2: 10, 25, 50, 75, 90 %: {quartiles}")
    compare_ranges(options.real, options.category)
    draw(real, ours, options.out, options.category)
    print(f"wrote {options.out}")
    print(json.dumps(result))


def compare_sizes(root: Path, category: str) -> None:
    """Print how the sizes of what drives and stands in our streets differ from those of all labels."""
    labelled = [
        frame.boxes.size[frame.boxes.category == category]
        for sequence in read_sequences(root)
        for frame in sequence
        if frame.boxes is not None
    ]
    real = np.unique(np.concatenate(labelled).round(2), axis=0)  # one car has one size in all its frames
    rng = stream("profiles", "sizes")
    ours = np.array([draw_body(category, rng)[1] for _ in range(5000)])
    print(f"sizes of {len(real)} labelled {category}s against ours, metres, with the p-value of Kolmogorov and Smirnov")
    for axis, name in enumerate(("length", "width", "height")):
        test = ks_2samp(real[:, axis], ours[:, axis])
        told = [f"{values[:, axis].mean():.3f} ± {values[:, axis].std():.3f}" for values in (real, ours)]
        print(f"{name:8}{told[0]:>18}{told[1]:>18}   D = {test.statistic:.3f}, p = {test.pvalue:.2f}")


def compare_ranges(root: Path, category: str) -> None:
    """Print how many points ours return where real ones returned some, by range: each real car counts once."""
    cars = read_cars(root, category, max_range_m=75.0, min_points=1)
    ratio = np.array([np.mean([len(twin(car, category, copy)) for copy in range(4)]) / len(car.points) for car in cars])
    range_m = np.array([car.range_m for car in cars])
    print("points per car by range: cars, ours over real (geometric mean)")
    for low, high in itertools.pairwise(RANGES_M):
        here = np.flatnonzero((range_m >= low) & (range_m < high))
        models: dict[object, list[float]] = defaultdict(list)
        for row in here:
            models[cars[row].drive, cars[row].size].append(float(np.log(ratio[row])))
        if models:
            mean = np.exp(np.mean([np.mean(logs) for logs in models.values()]))
            print(f"{f'{low}-{high} m':>10}{len(models):6}{mean:8.2f}")


def twin(car: RealCar, category: str, copy: int) -> Floats:
    """The points of one of our cars in the place of ``car``."""
    rng = stream("twin body", car.name, copy)
    number = int(rng.integers(10_000))
    size = dict(zip(("length_m", "width_m", "height_m"), car.size, strict=True))
    definition = {"kind": category, "body": body_of_size(category, car.size, rng)} | size
    shape = shape_for(f"vehicle.twin.n{number}", {}, definition)
    return seen(shape, np.array(car.center), car.yaw_rad, f"{car.name}/{copy}")


def normalised(points: Floats, size: Sizes) -> Floats:
    """Points (M, 3) as shares of the box, along and across from the middle, up from the floor."""
    return np.asarray(points / np.array(size))


def histograms(clouds: Sequence[Floats], view: str) -> Floats:
    """One smoothed histogram per car, each adding up to 1: (N, A, B)."""
    (a, a_range, a_bins), (b, b_range, b_bins) = VIEWS[view]
    stack = []
    for cloud in clouds:
        counted, _, _ = np.histogram2d(cloud[:, a], cloud[:, b], (a_bins, b_bins), (a_range, b_range))
        stack.append(gaussian_filter(counted / max(counted.sum(), 1), 0.7))
    return np.array(stack)


def divergence(p: Floats, q: Floats) -> float:
    """Jensen-Shannon divergence of two histograms, bits (Lin, IEEE Trans. Information Theory, 1991)."""
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2

    def entropy(h: Floats) -> float:
        some = h[h > 0]
        return float(-(some * np.log2(some)).sum())

    return entropy(middle) - (entropy(p) + entropy(q)) / 2


def bootstrapped(real: Floats, ours: Floats) -> tuple[float, float, float]:
    """The divergence, and its 90 % interval over cars, less the divergence that resampling itself adds."""
    here = divergence(real.mean(axis=0), ours.mean(axis=0))
    rng = stream("profiles", "bootstrap")
    drawn = []
    for _ in range(200):
        rows = rng.integers(len(real), size=len(real))
        drawn.append(divergence(real[rows].mean(axis=0), ours[rows].mean(axis=0)))
    low, high = np.quantile(drawn, [0.05, 0.95]) - (np.mean(drawn) - here)
    return here, float(low), float(high)


def real_floor(real: Floats) -> float:
    """Divergence of one half of the real cars from the other, mean of 50 splits; their places differ, too."""
    rng = stream("profiles", "halves")
    found = []
    for _ in range(50):
        order = rng.permutation(len(real))
        half = len(order) // 2
        found.append(divergence(real[order[:half]].mean(axis=0), real[order[half:]].mean(axis=0)))
    return float(np.mean(found))


def _view_from(car: RealCar) -> tuple[float, float]:
    """How far (cosine) the LiDAR stands ahead of the car, and to its left."""
    bearing = np.arctan2(-car.center[1], -car.center[0]) - car.yaw_rad
    return float(np.cos(bearing)), float(np.sin(bearing))


def _above_belt(points: Floats, _car: RealCar) -> float:
    return float((points[:, 2] > BELT).mean())


def _roof(points: Floats, _car: RealCar) -> float:
    high = points[(np.abs(points[:, 0] + 0.05) < 0.2) & (points[:, 2] > 0.8)]
    return float(np.quantile(high[:, 2], 0.9)) if len(high) > 3 else float("nan")


def _flank(low: float, high: float, quantile: float = 0.5) -> Callable[[Floats, RealCar], float]:
    def measure(points: Floats, car: RealCar) -> float:
        _, left = _view_from(car)
        if abs(left) < 0.3:
            return float("nan")
        band = points[(points[:, 2] > low) & (points[:, 2] < high) & (np.abs(points[:, 0]) < 0.3)]
        across = band[:, 1] * np.sign(left)
        across = across[across > 0.25]
        return float(np.quantile(across, quantile)) if len(across) > 5 else float("nan")

    return measure


def _end(
    ahead_sign: int, low: float, high: float, across: tuple[float, float], quantile: float = 0.5
) -> Callable[[Floats, RealCar], float]:
    """Depth of the nose (+1) or tail (-1) behind the box's end, metres, in a band of heights and of |y|."""

    def measure(points: Floats, car: RealCar) -> float:
        ahead, _ = _view_from(car)
        if ahead * ahead_sign < 0.6:
            return float("nan")
        y = np.abs(points[:, 1])
        band = points[(points[:, 2] > low) & (points[:, 2] < high) & (y >= across[0]) & (y < across[1])]
        depth = (0.5 - ahead_sign * band[:, 0]) * car.size[0]
        depth = depth[depth < 1.0]
        return float(np.quantile(depth, quantile)) if len(depth) > 4 else float("nan")

    return measure


def _inside(points: Floats, _car: RealCar) -> float:
    """Share of points that lie deep within the cabin."""
    deep = (np.abs(points[:, 1]) < 0.36) & (np.abs(points[:, 0] + 0.03) < 0.25) & (points[:, 2] < 0.86)
    return float((deep & (points[:, 2] > 0.3)).mean())


def _low(points: Floats, _car: RealCar) -> float:
    return float((points[:, 2] < 0.22).mean())


def _outside(points: Floats, _car: RealCar) -> float:
    return float((np.abs(points[:, 1]) > 0.5).mean())


MEASURES: dict[str, Callable[[Floats, RealCar], float]] = {
    "share above belt (z/h > 0.62)": _above_belt,
    "share deep in the cabin": _inside,
    "share below z/h 0.22": _low,
    "share beyond the sides |y|/w > 0.5": _outside,
    "roof, 90 % quantile of z/h": _roof,
    "flank at 0.25-0.45 h, |y|/w": _flank(0.25, 0.45),
    "flank at 0.45-0.60 h, |y|/w": _flank(0.45, 0.60),
    "flank 90 % at 0.25-0.60 h, |y|/w": _flank(0.25, 0.60, 0.9),
    "flank at 0.70-0.90 h, |y|/w": _flank(0.70, 0.90),
    "nose depth middle 0.25-0.5 h, m": _end(1, 0.25, 0.5, (0.0, 0.2)),
    "nose depth corner 0.25-0.5 h, m": _end(1, 0.25, 0.5, (0.35, 0.5)),
    "nose depth middle 0.5-0.65 h, m": _end(1, 0.5, 0.65, (0.0, 0.2)),
    "nose nearest 5 %, m": _end(1, 0.15, 0.7, (0.0, 0.5), 0.05),
    "tail depth middle 0.25-0.5 h, m": _end(-1, 0.25, 0.5, (0.0, 0.2)),
    "tail depth corner 0.25-0.5 h, m": _end(-1, 0.25, 0.5, (0.35, 0.5)),
    "tail depth middle 0.5-0.65 h, m": _end(-1, 0.5, 0.65, (0.0, 0.2)),
    "tail depth middle 0.7-0.85 h, m": _end(-1, 0.7, 0.85, (0.0, 0.2)),
    "tail nearest 5 %, m": _end(-1, 0.15, 0.9, (0.0, 0.5), 0.05),
}


def draw(real: Sequence[Floats], ours: Sequence[Floats], out: Path, category: str) -> None:
    """Real above, ours in the middle, their difference below."""
    figure, axes = plt.subplots(3, 3, figsize=(15, 10), constrained_layout=True)
    for column, (view, ((a, a_range, _), (b, b_range, _))) in enumerate(VIEWS.items()):
        pooled = [histograms(clouds, view).mean(axis=0) for clouds in (real, ours)]
        top = float(np.quantile(pooled[0], 0.995))
        extent = (*a_range, *b_range)
        names = (f"real {category}s", "ours", "ours - real")
        for row, image in enumerate([*pooled, pooled[1] - pooled[0]]):
            style = (
                {"cmap": "magma", "vmin": 0, "vmax": top}
                if row < 2
                else {"cmap": "RdBu", "vmin": -top / 2, "vmax": top / 2}
            )
            axis = axes[row][column]
            axis.imshow(image.T, origin="lower", extent=extent, aspect="auto", interpolation="nearest", **style)
            axis.set_title(f"{names[row]}: {view}")
            axis.set_xlabel("xyz"[a] + (" / length" if a == 0 else " / width"))
            axis.set_ylabel("xyz"[b] + (" / height" if b == 2 else " / width"))
            axis.axhline(0.5 if b == 1 else 1.0, color="w" if row < 2 else "k", lw=0.4)
    figure.savefig(out, dpi=70)


if __name__ == "__main__":
    main()
