"""A sensor and actors on their way, as sensors are told of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol import wire
from scanyard.carla_server.sensors.context import Context, Tick
from scanyard.carla_server.sensors.motions import History, Motions

Floats = NDArray[np.float64]

SENSOR = 900
"""The sensor's id; the actors have smaller ones."""


def motions_of(ways: Mapping[int, Sequence[Floats]], delta_s: float = 0.1) -> Motions:
    """The last frames of actors whose poses (4, 4), oldest first, are given by id, as many for each."""
    history = History()
    ids = np.array(sorted(ways), np.uint32)
    frames = zip(*(ways[int(one)] for one in ids), strict=True)
    found = [history.add(ids, np.array(poses), delta_s) for poses in frames]
    return found[-1]


def told(motions: Motions, *, frame: int = 5, **known: Any) -> Context:
    """What the sensor is told of a frame."""
    delta_s = motions.now.delta_s
    facts: dict[str, Any] = {"sensor_id": SENSOR, "record": record_of("static.prop.box01")} | known
    return Context(Tick(frame, frame * delta_s, delta_s), frame=frame, motions=motions, **facts)


def record_of(type_id: str, **others: str) -> Any:
    """Records of actors: all of one type, but for those named ``a<id>=type``."""
    return lambda one: wire.Actor(
        one, 0, wire.ActorDescription(0, others.get(f"a{one}", type_id)), wire.BoundingBox(), b"", b""
    )
