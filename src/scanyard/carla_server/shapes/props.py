"""Every prop by the name that blueprints give it: ``body`` is a name, perhaps with the number of a variant: "bench 2".

Props are drawn at their own size, which is what blueprints say of them; a client that asks for another size gets them
stretched.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from scanyard.carla_server.shapes import cargo, garden_props, street_machines, street_props, works_props
from scanyard.carla_server.surfaces.mesh import Mesh

BODIES = cargo.PROPS | garden_props.PROPS | street_machines.PROPS | street_props.PROPS | works_props.PROPS
"""How each is drawn, for a variant."""


def prop(body: str, variant: int, size: Sequence[float]) -> Mesh:
    """The prop that ``body`` names, filling ``size`` (length, width, height) exactly; without a name, one of cargo."""
    if not body:
        body = list(cargo.PROPS)[variant % len(cargo.PROPS)]
    length, width, height = size
    return drawn(body).fitted((-length / 2, -width / 2, 0), (length / 2, width / 2, height))


@lru_cache(maxsize=256)
def drawn(body: str) -> Mesh:
    """A prop at its own size, cut off at the ground: what stands in a street reaches below it."""
    name, _, number = body.partition(" ")
    if name not in BODIES:
        raise ValueError(f"a prop's shape has body {body!r}; there are {', '.join(sorted(BODIES))}")
    mesh = BODIES[name](int(number or 0))
    vertices = np.maximum(mesh.vertices, np.array([-np.inf, -np.inf, 0.0], np.float32))
    vertices[:, 2] -= vertices[:, 2].min()
    return Mesh(vertices, mesh.faces, mesh.material)
