"""Meshes a user brings, written here: a wedge with two materials as OBJ, a box as GLB."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh

from scanyard.carla_server.sensors.senses import Senses
from scanyard.carla_server.shapes import catalogue
from scanyard.carla_server.shapes.assets import Assets
from scanyard.carla_server.shapes.catalogue import Shape
from scanyard.carla_server.surfaces.materials import Material
from scanyard.errors import InputError, ScenarioError

KINDS = {"vehicle.audi.a2": "car", "walker.pedestrian.0001": "adult", "static.prop.gnome": "prop"}
DEFINITION = {"kind": "car", "length_m": 3.7, "width_m": 1.7, "height_m": 1.5, "body": "hatchback"}
# Forward is +z and up +y, as in glTF; 200 long, 100 wide, 80 high at its rear, flat in front: centimetres.
WEDGE = """
mtllib wedge.mtl
v -50 0 -100
v 50 0 -100
v -50 0 100
v 50 0 100
v -50 80 -100
v 50 80 -100
usemtl paint
f 1 2 4
f 1 4 3
f 1 5 6
f 1 6 2
usemtl windscreen
f 3 4 6
f 3 6 5
"""
MATERIALS = "newmtl paint\nKd 1 0 0\nnewmtl windscreen\nKd 0 0 1\n"
SIDECAR = """\
mesh: wedge.obj
blueprints: [vehicle.audi.a2]
class: car
licence: CC0-1.0
author: a test
forward: +z
up: +y
scale: 0.01
materials: {windscreen: glass}
"""


def brought(folder: Path, sidecar: str = SIDECAR, **changed: str) -> Path:
    """A folder with the wedge, a line of its sidecar changed for each of ``changed``."""
    (folder / "wedge.obj").write_text(WEDGE)
    (folder / "wedge.mtl").write_text(MATERIALS)
    lines = {line.partition(":")[0]: line for line in sidecar.splitlines()}
    lines |= {
        "class" if key == "klass" else key: f"{'class' if key == 'klass' else key}: {text}"
        for key, text in changed.items()
    }
    (folder / "wedge.yaml").write_text("\n".join(line for line in lines.values() if not line.endswith(": -")) + "\n")
    return folder


def audi(folder: Path, **attributes: str) -> Shape:
    return Assets(folder, KINDS).shape_for("vehicle.audi.a2", attributes, DEFINITION)


def test_a_mesh_stands_on_its_wheels_turned_into_carlas_frame(tmp_path: Path) -> None:
    shape = audi(brought(tmp_path))
    assert shape.kind == "car"
    np.testing.assert_allclose(shape.extent, (1.0, 0.5, 0.4), atol=1e-6)
    np.testing.assert_allclose(shape.center, (0.0, 0.0, 0.4), atol=1e-6)
    top = shape.mesh.vertices[shape.mesh.vertices[:, 2] > 0.79]
    assert (top[:, 0] < -0.99).all()  # its rear is high, and x points forward
    right = shape.mesh.vertices[shape.mesh.vertices[:, 1] > 0.49]
    assert len(right) > 0


def test_forward_and_up_leave_nothing_mirrored(tmp_path: Path) -> None:
    # In the file +x is to the left of someone who looks along +z with +y up; here y points right.
    (tmp_path / "flag.obj").write_text("v 0 0 0\nv 50 0 0\nv 0 0 100\nv 0 20 0\nf 1 2 3\nf 1 2 4\n")
    sidecar = SIDECAR.replace("wedge.obj", "flag.obj").replace("materials: {windscreen: glass}\n", "")
    shape = audi(brought(tmp_path, sidecar))
    rear = shape.mesh.vertices[shape.mesh.vertices[:, 0] < shape.mesh.low[0] + 1e-4]
    tip = shape.mesh.vertices[shape.mesh.vertices[:, 0] > shape.mesh.high[0] - 1e-4]
    assert rear[:, 1].min() == pytest.approx(shape.mesh.low[1])
    assert tip[:, 1] == pytest.approx(shape.mesh.high[1])


def test_materials_become_ours_and_the_rest_is_body(tmp_path: Path) -> None:
    shape = audi(brought(tmp_path))
    assert sorted(shape.mesh.material.tolist()) == [Material.CAR_PAINT] * 4 + [Material.CAR_GLASS] * 2


def test_size_and_colour_can_be_asked_for(tmp_path: Path) -> None:
    assets = Assets(brought(tmp_path), KINDS)
    asked = {"length_m": "4.0", "width_m": "0", "color": "255,0,0"}
    shape = assets.shape_for("vehicle.audi.a2", asked, DEFINITION)
    np.testing.assert_allclose(shape.extent, (2.0, 0.5, 0.4), atol=1e-6)
    assert shape.color == (1.0, 0.0, 0.0)
    assert len(shape.wheels) == 4
    assert assets.shape_for("vehicle.audi.a2", asked, DEFINITION) is shape


def test_other_blueprints_keep_our_shapes(tmp_path: Path) -> None:
    assets = Assets(brought(tmp_path), KINDS)
    assert assets.shape_for("vehicle.other.one", {}, DEFINITION) is catalogue.shape_for(
        "vehicle.other.one", {}, DEFINITION
    )


def test_a_glb_of_someone_on_legs_is_centred_on_the_origin(tmp_path: Path) -> None:
    figure = trimesh.creation.box(extents=(0.5, 1.8, 0.3))
    figure.apply_translation((7.0, 3.0, -2.0))
    figure.export(tmp_path / "figure.glb")
    (tmp_path / "figure.yaml").write_text(
        "mesh: figure.glb\nblueprints: [walker.pedestrian.0001]\nclass: pedestrian\nlicence: CC-BY-4.0\n"
        "forward: +z\nup: +y\n"
    )
    shape = Assets(tmp_path, KINDS).shape_for("walker.pedestrian.0001", {}, {"kind": "adult"} | DEFINITION)
    assert shape.center == (0.0, 0.0, 0.0)
    np.testing.assert_allclose(shape.extent, (0.15, 0.25, 0.9), atol=1e-6)
    assert catalogue.gait(shape) == (shape,)


def test_the_licence_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        Assets(brought(tmp_path), KINDS)
    assert "wedge.obj takes the place of vehicle.audi.a2; licence CC0-1.0, by a test" in caplog.text


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"licence": "-"}, r"wedge.yaml:1: licence: missing"),
        ({"forward": "-"}, r"wedge.yaml:1: forward: missing"),
        ({"colour": "red"}, r"wedge.yaml:\d+: colour: .*unknown"),
        ({"mesh": "wagon.obj"}, r"wedge.yaml:1: mesh: found 'wagon.obj', but there is no such file"),
        ({"mesh": "wedge.stl"}, r"wedge.yaml:1: mesh: found 'wedge.stl'; expected a .glb, .gltf or .obj file"),
        ({"mesh": "wedge.yaml"}, r"wedge.yaml:1: mesh: found 'wedge.yaml'"),
        ({"blueprints": "[vehicle.audi.a22]"}, r"blueprints\[0\]: .* no blueprint .*did you mean 'vehicle.audi.a2'"),
        ({"blueprints": "[vehicle.audi.a2, vehicle.audi.a2]"}, r"blueprints\[1\]: .*, whose shape wedge"),
        ({"klass": "prop", "materials": "{}"}, r"class: found 'prop', but vehicle.audi.a2 is of class 'car'"),
        ({"klass": "spaceship"}, r"class: found 'spaceship'; expected one of car, truck"),
        ({"materials": "{windscreen: window}"}, r"materials.windscreen: found 'window'; expected one of body, glass"),
        ({"materials": "{bonnet: glass}"}, r"materials.bonnet: .*; wedge.obj has the materials paint, windscreen"),
        ({"up": "-z"}, r"up: found '-z', along forward, '\+z'; expected another axis"),
        ({"scale": "1"}, r"scale: makes wedge.obj 200 by 100 by 80 m large"),
        ({"scale": "0"}, r"wedge.yaml:8: scale: "),
    ],
)  # fmt: skip
def test_mistakes_say_file_line_key_and_what_was_expected(tmp_path: Path, changed: dict[str, str], told: str) -> None:
    with pytest.raises(ScenarioError, match=told):
        Assets(brought(tmp_path, **changed), KINDS)


def test_a_broken_or_empty_mesh_is_told(tmp_path: Path) -> None:
    brought(tmp_path, mesh="broken.glb")
    (tmp_path / "broken.glb").write_bytes(b"glTF" + bytes(40))
    with pytest.raises(ScenarioError, match=r"mesh: broken.glb cannot be read"):
        Assets(tmp_path, KINDS)


def test_a_folder_without_sidecars_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no sidecar"):
        Assets(tmp_path, KINDS)
    with pytest.raises(InputError, match="no such folder"):
        Assets(tmp_path / "nowhere", KINDS)


def test_senses_give_brought_shapes_to_whoever_spawns(tmp_path: Path) -> None:
    senses = Senses.real(brought(tmp_path), KINDS)
    assert senses.shape_for("vehicle.audi.a2", {}, DEFINITION).extent[0] == pytest.approx(1.0)


@pytest.mark.slow
def test_a_server_told_of_a_mistake_ends_with_the_message(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scanyard.carla_server", "-carla-rpc-port=0", "-carla-streaming-port=0",
         f"--assets={brought(tmp_path, scale='1')}"],
        capture_output=True, text=True, timeout=60.0, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 2
    assert "wedge.yaml:8: scale: makes wedge.obj 200 by 100 by 80 m large" in done.stderr
