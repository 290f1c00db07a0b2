"""The compiled loops of motion: each is compiled once, whoever moves."""

from __future__ import annotations

import sys

from motion_world import Plain
from numba.core.registry import CPUDispatcher

from scanyard.carla_server.motion.rehearsal import rehearse


def compiled() -> dict[str, list[object]]:
    """How each loop of motion that was called so far was compiled: its signatures."""
    return {
        f"{module}.{name}": list(found.signatures)
        for module, known in list(sys.modules.items())
        if module.startswith("scanyard.carla_server.motion.")
        for name, found in vars(known).items()
        if isinstance(found, CPUDispatcher) and found.signatures
    }


def test_after_a_rehearsal_nobody_waits_for_a_compiler() -> None:
    rehearse()
    before = compiled()
    assert len(before) >= 10

    alone = Plain()
    alone.vehicle("bicycle", speed=3.0)
    alone.run(0.2)
    street = Plain(height=lambda x, y: 0.05 * x + 0.0 * y, walls=((6.0, 0.0, 1.0, 3.0), (0.0, 8.0, 9.0, 1.0)))
    for number, kind in enumerate(("car", "truck", "motorcycle")):
        street.vehicle(kind, y=3.0 * number, speed=8.0)
        street.press(number, throttle=1.0, steer=0.3)
    street.walk(street.walker(4.0, 1.0), (1.0, 0.0, 0.0), 1.5)
    street.prop(3.0, 0.5)
    street.run(1.0)
    assert street.contacts or street.velocity(0)[0] < 8.0

    assert compiled() == before
