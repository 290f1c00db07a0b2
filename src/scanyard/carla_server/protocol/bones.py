"""Bones of walkers as structs on the wire; an array level more than one expects, a struct of one field around them."""

from __future__ import annotations

from typing import NamedTuple

from scanyard.carla_server.protocol.wire import Transform


class BoneTransformOut(NamedTuple):
    """Where one bone is."""

    name: str
    world: Transform
    component: Transform
    relative: Transform
    """To the bone above."""


class WalkerBonesOut(NamedTuple):
    """Where all bones of a walker are."""

    bones: tuple[BoneTransformOut, ...]


class WalkerBonesIn(NamedTuple):
    """Where a script wants some bones, each by its name and relative to the one above."""

    bones: tuple[tuple[str, Transform], ...]
