"""Servers number actors as they please; we number them by the scenario."""

from types import SimpleNamespace

import numpy as np

from scanyard.sim.actors import ActorSet


def actors(*ids: int) -> ActorSet:
    handles = tuple(SimpleNamespace(id=i) for i in ids)
    return ActorSet(handles, (), np.zeros((len(ids), 3)), np.ones((len(ids), 3)))


def test_numbers_follow_the_tracks_whatever_the_server_counts() -> None:
    seen = np.array([0, 900, 70, 900, 5], dtype=np.uint32)
    assert actors(70, 900).numbered(seen).tolist() == [0, 2, 1, 2, 0]
    assert actors(900, 70).numbered(seen).tolist() == [0, 1, 2, 1, 0]


def test_ids_cut_to_sixteen_bits_are_understood_in_images() -> None:
    picture = np.array([[70_001 & 0xFFFF, 0]], dtype=np.uint16)
    numbered = actors(70_001).numbered(picture)
    assert numbered.tolist() == [[1, 0]]
    assert numbered.dtype == np.uint16


def test_with_no_actors_everything_is_scenery() -> None:
    assert actors().numbered(np.array([3], dtype=np.uint32)).tolist() == [0]
