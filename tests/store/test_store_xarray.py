"""A recording opens in xarray, with named axes that agree and units, and without a value changed."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray
from store_frames import dataset_at, frames, info_named

from scanyard.store import open_sequence, write_sequence


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = dataset_at(tmp_path_factory.mktemp("xarray") / "d")
    write_sequence(root, info_named("a"), frames(3))
    return root / "sequences/a"


def group(folder: Path, name: str) -> xarray.Dataset:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Numcodecs codecs are not in the Zarr version 3")  # our colour images
        return xarray.open_zarr(folder / name, consolidated=False)


def test_sweeps_have_points_with_axes_and_units(folder: Path) -> None:
    sweeps, stored = group(folder, "lidar/top"), open_sequence(folder.parents[1], "a")
    assert dict(sweeps.sizes) == {"point": 150, "xyz": 3, "frame_edge": 4}
    assert sweeps.points.dims == ("point", "xyz")
    assert sweeps.points.attrs == {"units": "m", "coordinate_frame": "sensor"}
    assert (sweeps.intensity.attrs["units"], sweeps.time_offset_ns.attrs["units"]) == ("1", "1e-9 s")
    edges = sweeps.offsets.values
    second = sweeps.isel(point=slice(edges[1], edges[2]))
    np.testing.assert_array_equal(second.points, stored[1].sweeps["top"].points)
    np.testing.assert_array_equal(second.time_offset_ns, stored[1].sweeps["top"].time_offset_ns)
    assert second.time_offset_ns.dtype == np.int32  # and not a span of time


def test_boxes_poses_and_images_have_axes_and_units(folder: Path) -> None:
    boxes, ego, camera = (group(folder, name) for name in ("boxes", "ego", "camera/left"))
    assert boxes.center.dims == boxes["size"].dims == boxes.velocity.dims == ("box", "xyz")
    units = {name: boxes[name].attrs.get("units") for name in ("center", "size", "yaw_rad", "velocity", "track")}
    assert units == {"center": "m", "size": "m", "yaw_rad": "rad", "velocity": "m s-1", "track": None}
    assert set(boxes.category.attrs["categories"]) <= {"car", "pedestrian", "person_sitting"}
    assert ego.timestamp_ns.dims == ("frame",)
    assert ego.timestamp_ns.values.tolist() == [0, 100_000_000, 200_000_000]
    assert ego.world_from_ego.dims == ("frame", "matrix_row", "matrix_column")
    assert camera.rgb.dims == ("image", "row", "column", "channel")
    assert camera.depth_m.attrs["units"] == "m"
    assert group(folder, "dont_care").region.attrs["units"] == "pixel"


def test_units_are_not_under_the_digest(folder: Path) -> None:
    content = open_sequence(folder.parents[1], "a").seal.content()
    assert set(content["arrays"]["lidar/top/points"]) == {"dtype", "shape", "sha256"}
