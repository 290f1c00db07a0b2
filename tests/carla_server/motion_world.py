"""A plain to drive on: vehicles, walkers and props put straight into the arrays, ground and walls as a test wants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scanyard.carla_server.motion.chassis import chassis_of
from scanyard.carla_server.motion.physics import physics_of
from scanyard.carla_server.motion.stepping import Motion
from scanyard.carla_server.motion.table import PROP, VEHICLE, WALKER
from scanyard.carla_server.protocol.physics import VehiclePhysicsControl
from scanyard.carla_server.protocol.wire import VehicleControl, WalkerControl
from scanyard.carla_server.street.obstacles import Obstacles

SIZES = {
    "car": (4.5, 1.8, 1.5), "van": (5.9, 2.0, 2.5), "truck": (8.4, 2.5, 3.2), "bus": (10.3, 2.5, 3.1),
    "motorcycle": (2.2, 0.8, 1.6), "bicycle": (1.7, 0.6, 1.7),
}  # fmt: skip
BUILDING = 3


class Plain(Motion):
    """Motion on a ground of ``height(x, y)``, flat unless said, with vertical walls (x, y, half x, half y)."""

    def __init__(
        self, height: Callable[[Any, Any], Any] | None = None, walls: tuple[tuple[float, float, float, float], ...] = ()
    ) -> None:
        def below(points: Any) -> Any:
            x, y, z = np.asarray(points, dtype=np.float64).T
            ground = height(x, y) if height else np.zeros(len(x))
            return np.where(z >= ground, ground, ground)

        box = np.array(walls, dtype=np.float64).reshape(-1, 4)
        count = len(box)
        scenery = Obstacles(
            box[:, :2], box[:, 2:], np.zeros(count), np.full(count, -1.0), np.full(count, 5.0),
            np.full(count, BUILDING, np.uint8), np.arange(1, count + 1, dtype=np.uint64),
        )  # fmt: skip
        super().__init__(below, lambda: scenery)

    def vehicle(
        self,
        kind: str = "car",
        x: float = 0.0,
        y: float = 0.0,
        yaw: float = 0.0,
        z: float = 0.0,
        *,
        speed: float = 0.0,
        physics: VehiclePhysicsControl | None = None,
    ) -> int:
        """Add a vehicle going forward at ``speed``, already on its wheels; its place among the vehicles."""
        extent = np.array(SIZES[kind]) / 2
        chassis = chassis_of(physics or physics_of(kind, SIZES[kind]), extent)
        turn = np.deg2rad(yaw)
        row = self.table.append(
            ids=len(self.table) + 1, kind=VEHICLE, pose=(x, y, z, 0.0, yaw, 0.0), center=(0.0, 0.0, extent[2]),
            extent=extent, mass=chassis["mass"], simulates=True,
            velocity=(speed * np.cos(turn), speed * np.sin(turn), 0.0),
        )  # fmt: skip
        return self.vehicles.append(rows=row, chassis=chassis, friction=chassis["friction"], grounded=True)

    def walker(self, x: float = 0.0, y: float = 0.0, *, height: float = 1.7, ground: float = 0.0) -> int:
        """Add a walker on its feet; its place among the walkers."""
        row = self.table.append(
            ids=len(self.table) + 1, kind=WALKER, pose=(x, y, ground + height / 2, 0.0, 0.0, 0.0),
            extent=(0.25, 0.28, height / 2), mass=70.0, simulates=True,
        )  # fmt: skip
        return self.walkers.append(rows=row, grounded=True)

    def prop(self, x: float = 0.0, y: float = 0.0, *, mass: float = 20.0, simulates: bool = True) -> int:
        """Add a box of half a metre; its row."""
        return self.table.append(
            ids=len(self.table) + 1, kind=PROP, pose=(x, y, 0.0, 0.0, 0.0, 0.0), center=(0.0, 0.0, 0.25),
            extent=(0.25, 0.25, 0.25), mass=mass, simulates=simulates,
        )  # fmt: skip

    def run(self, seconds: float, step_s: float = 0.05) -> None:
        """Let time pass."""
        for _ in range(round(seconds / step_s)):
            self.advance(step_s)

    def press(self, index: int, throttle: float = 0.0, steer: float = 0.0, brake: float = 0.0, **more: Any) -> None:
        """Latch a vehicle's control."""
        self.vehicles.control(index, VehicleControl(throttle, steer, brake, **more))

    def walk(self, index: int, direction: tuple[float, float, float], speed: float, *, jump: bool = False) -> None:
        """Latch a walker's control."""
        self.walkers.control(index, WalkerControl(direction, speed, jump))  # type: ignore[arg-type]

    def pose(self, row: int = 0) -> Any:
        return self.table.pose[row]

    def velocity(self, row: int = 0) -> Any:
        return self.table.velocity[row]

    def forward(self, row: int = 0) -> float:
        """Speed along the heading, m/s."""
        yaw = np.deg2rad(self.table.pose[row, 4])
        vx, vy, _ = self.table.velocity[row]
        return float(vx * np.cos(yaw) + vy * np.sin(yaw))

    def energy(self) -> float:
        """Kinetic energy of all that moves in the plane, J."""
        table = self.table
        inertia = table.mass * (table.extent[:, 0] ** 2 + table.extent[:, 1] ** 2) / 3.0
        inertia[self.vehicles.rows] = self.vehicles.chassis["yaw_inertia"]
        spin = np.deg2rad(table.angular_velocity[:, 2])
        speed2 = (table.velocity[:, :2] ** 2).sum(axis=1)
        return float((0.5 * table.mass * speed2 + 0.5 * inertia * spin**2)[table.simulates].sum())
