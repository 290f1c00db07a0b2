"""Which lamps the driver switches on."""

from types import SimpleNamespace

import numpy as np

from scanyard.sim.actors import ActorSet


def test_vehicles_get_position_lights_and_low_beam_and_people_get_none() -> None:
    kinds = ("vehicle.audi.a2", "walker.pedestrian.0001", "vehicle.bh.crossbike")
    handles = tuple(SimpleNamespace(id=number, type_id=kind) for number, kind in enumerate(kinds, start=7))
    commands = ActorSet(handles, (), np.zeros((3, 3)), np.ones((3, 3))).lamps_on()
    assert [(command.actor_id, command.light_state) for command in commands] == [(7, 1 + 2), (9, 1 + 2)]
