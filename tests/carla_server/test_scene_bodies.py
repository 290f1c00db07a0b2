import numpy as np
import pytest
from scene_street import shape_of

from scanyard.carla_server.scene.bodies import Bodies
from scanyard.carla_server.shapes.catalogue import Shape, gait
from scanyard.carla_server.surfaces.materials import TRANSPARENT
from scanyard.carla_server.surfaces.raycast import FaceHits, Surface

KINDS = ("car", "bus", "adult", "bicycle", "truck")


@pytest.fixture(scope="module")
def shapes() -> list[Shape]:
    return [shape_of(kind) for kind in KINDS]


def rays_around(shape: Shape, count: int = 400, away_m: float = 30.0) -> np.ndarray:
    """Rays (count, 6) from all sides towards somewhere near a shape, in its own frame."""
    rng = np.random.default_rng(3)
    origin = rng.normal(size=(count, 3))
    origin *= away_m / np.linalg.norm(origin, axis=1, keepdims=True)
    target = np.array(shape.center) + rng.uniform(-1.2, 1.2, (count, 3)) * shape.extent
    direction = target - origin
    return np.hstack([origin, direction / np.linalg.norm(direction, axis=1, keepdims=True)]).astype(np.float32)


def cast(bodies: Bodies, rays: np.ndarray, place: int, salt: int | None = None) -> FaceHits:
    count = len(rays)
    return bodies.cast(rays.T, np.full(count, place), ray_index=np.arange(count), salt=salt)


@pytest.mark.parametrize("place", range(len(KINDS)))
def test_a_shape_among_others_is_hit_as_if_it_stood_alone(shapes: list[Shape], place: int) -> None:
    rays = rays_around(shapes[place])
    among, alone = cast(Bodies(shapes), rays, place), Surface(shapes[place].mesh).cast(rays)
    met = np.isfinite(alone.range_m)
    assert met.any()
    assert not met.all()
    # A ray may slip past an edge that it grazes when positions are rounded elsewhere.
    assert (np.isfinite(among.range_m) == met).mean() > 0.99
    both = met & np.isfinite(among.range_m)
    near = np.abs(among.range_m[both] - alone.range_m[both]) < 1e-4
    assert near.mean() > 0.99
    np.testing.assert_allclose(among.normal[both][near], alone.normal[both][near], atol=1e-3)


def test_a_ray_that_misses_its_actor_meets_no_neighbour(shapes: list[Shape]) -> None:
    bodies = Bodies(shapes)
    for place, shape in enumerate(shapes):
        fan = np.linspace(0, 2 * np.pi, 720, endpoint=False)
        above = np.tile([*shape.center[:2], shape.center[2] + 0.9 * float(np.linalg.norm(shape.extent))], (720, 1))
        outward = np.c_[np.cos(fan), np.sin(fan), np.full(720, -0.05)]  # over the roof and away, past all other slots
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)
        rays = np.hstack([above, outward]).astype(np.float32)
        alone = Surface(shape.mesh).cast(rays)
        assert (np.isfinite(cast(bodies, rays, place).range_m) == np.isfinite(alone.range_m)).all()


def test_actors_of_one_shape_share_its_triangles(shapes: list[Shape]) -> None:
    once, thrice = Bodies(shapes[:1]), Bodies([shapes[0]] * 3)
    assert len(once.material) == len(thrice.material)
    rays = rays_around(shapes[0])
    np.testing.assert_array_equal(cast(once, rays, 0).range_m, cast(thrice, rays, 2).range_m)


def test_rays_through_glass_meet_what_is_behind_it(shapes: list[Shape]) -> None:
    bodies = Bodies(shapes)
    rays = rays_around(shapes[0], count=4000)
    solid, through = cast(bodies, rays, 0), cast(bodies, rays, 0, salt=7)
    glass = TRANSPARENT[bodies.material[solid.face]] & np.isfinite(solid.range_m)
    np.testing.assert_array_equal(solid.range_m[~glass], through.range_m[~glass])
    assert (through.range_m[glass] > solid.range_m[glass] + 0.01).any()
    assert (through.range_m[glass] >= solid.range_m[glass] - 1e-5).all()


def test_a_stride_changes_the_shape_and_builds_nothing(shapes: list[Shape]) -> None:
    walker = shape_of("adult")
    standing, *stride = gait(walker)
    bodies = Bodies([shapes[0], walker])
    rays = rays_around(walker)
    for phase in stride:
        stepping = bodies.worn_by([shapes[0], phase])
        assert stepping is not None
        assert stepping.mesh is bodies.mesh
        alone = Surface(phase.mesh).cast(rays)
        assert (np.isfinite(cast(stepping, rays, 1).range_m) == np.isfinite(alone.range_m)).mean() > 0.99
    assert (cast(bodies, rays, 1).range_m == cast(Bodies([shapes[0], standing]), rays, 1).range_m).all()


def test_bodies_fit_nobody_of_another_kind_or_in_another_order(shapes: list[Shape]) -> None:
    """What was there before must not decide where a slot lies, and so how a hit is rounded."""
    bodies = Bodies(shapes[:2])
    assert bodies.worn_by(shapes[:2]) is bodies
    assert bodies.worn_by(shapes[:1]) is None
    assert bodies.worn_by(shapes[:3]) is None
    assert bodies.worn_by(shapes[1::-1]) is None
