"""Vehicles as clients know them: what drives one, how it is built, how it is doing."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from scanyard.carla_server.motion import crew, drivetrain
from scanyard.carla_server.motion.chassis import chassis_of, tire_friction_of
from scanyard.carla_server.motion.physics import physics_of
from scanyard.carla_server.motion.stepping import Motion
from scanyard.carla_server.protocol.physics import (
    AckermannControllerSettings,
    VehiclePhysicsControl,
    VehicleTelemetryData,
    WheelTelemetryData,
)
from scanyard.carla_server.protocol.poses import matrices
from scanyard.carla_server.protocol.wire import Vector3D, VehicleAckermannControl, VehicleControl
from scanyard.carla_server.world.actors import Actor

FRONT_LEFT, FRONT_RIGHT, REAR_LEFT, REAR_RIGHT = range(4)


class Vehicle(Actor):
    """A carla.Vehicle."""

    def __init__(self, *what: Any, motion: Motion, row: int, parent_id: int = 0) -> None:
        super().__init__(*what, motion=motion, row=row, parent_id=parent_id)
        self.doors: set[int] = set()
        """The open ones."""
        self.wheel_pitch_deg: dict[int, float] = {}
        self._wheel_steer: dict[int, tuple[int, float]] = {}  # after which of its controls it was shown so
        self._vehicles = motion.vehicles
        self._physics = self._as_built()
        chassis = _built(self._physics, self._extent)
        self._index = self._vehicles.append(
            rows=row,
            chassis=chassis,
            friction=chassis["friction"],
            sticky=self.attributes.get("sticky_control", "true").lower() != "false",
        )
        self._table.mass[row] = chassis["mass"]

    @property
    def index(self) -> int:
        """Its place among the vehicles."""
        rows = self._vehicles.rows
        return self._index if self._index < len(rows) and rows[self._index] == self.row else self._find()

    def _find(self) -> int:
        self._index = int(np.searchsorted(self._vehicles.rows, self.row))
        return self._index

    def bury(self) -> None:
        """Keep what is known of it."""
        alone = self._vehicles.alone(self.index)
        super().bury()
        alone.rows[:] = self.row
        self._vehicles = alone

    # --- driving -----------------------------------------------------------------------------------------------------

    def control_vehicle(self, control: VehicleControl) -> None:
        """Latch the pedals, the wheel and the gear."""
        self._vehicles.control(self.index, control)

    def control_ackermann(self, control: VehicleAckermannControl) -> None:
        """Latch a steering angle and a speed, which controllers seek until another control comes."""
        self._vehicles.control_ackermann(self.index, control)

    @property
    def ackermann_settings(self) -> AckermannControllerSettings:
        """The gains of those controllers."""
        return AckermannControllerSettings(*self._vehicles.gains[self.index].tolist())

    @ackermann_settings.setter
    def ackermann_settings(self, settings: AckermannControllerSettings) -> None:
        self._vehicles.gains[self.index] = np.nan_to_num(np.array(settings), posinf=0.0, neginf=0.0)

    def enable_constant_velocity(self, velocity: Vector3D) -> None:
        """Hold a velocity in m/s in the vehicle's own frame, whatever the pedals say."""
        self._vehicles.constant[self.index] = True
        self._vehicles.constant_velocity[self.index] = np.clip(velocity, -crew.TOP_MPS, crew.TOP_MPS)

    def disable_constant_velocity(self) -> None:
        """Let the pedals drive again."""
        self._vehicles.constant[self.index] = False

    # --- how it is built ---------------------------------------------------------------------------------------------

    @property
    def physics(self) -> VehiclePhysicsControl:
        """How it is built, wheel positions in centimetres in the world, tyre friction as it is where it now stands."""
        world_from_vehicle = matrices(self._table.pose[self.row])
        places = np.array([wheel.position for wheel in self._physics.wheels]) / 100.0
        world = 100.0 * (places @ world_from_vehicle[:3, :3].T + world_from_vehicle[:3, 3])
        frictions = self._tire_frictions()
        wheels = tuple(
            wheel._replace(position=Vector3D(*place), tire_friction=friction)
            for wheel, place, friction in zip(self._physics.wheels, world.tolist(), frictions, strict=True)
        )
        return self._physics._replace(wheels=wheels)

    def apply_physics(self, physics: VehiclePhysicsControl) -> None:
        """Rebuild it; where its wheels are is decided by its shape, so what is said of that is passed over."""
        own = self._physics.wheels
        given = physics.wheels if len(physics.wheels) == len(own) else own
        wheels = tuple(wheel._replace(position=known.position) for wheel, known in zip(given, own, strict=True))
        self._physics = physics._replace(wheels=wheels)
        chassis = chassis_of(self._physics, self._extent)
        self._vehicles.rebuild(self.index, chassis)
        self._table.mass[self.row] = chassis["mass"]

    def _as_built(self) -> VehiclePhysicsControl:
        assert self.shape is not None
        assert self.blueprint is not None
        kind = str((self.blueprint.shape or {})["kind"])
        wheels = getattr(self.shape, "wheels", ())
        return physics_of(
            kind,
            [2.0 * half for half in self._extent],
            special_type=self.attributes.get("special_type", ""),
            wheels_m=[(float(one.center[0]), float(one.center[1]), float(one.radius_m)) for one in wheels],
        )

    @property
    def _extent(self) -> tuple[float, float, float]:
        assert self.shape is not None
        x, y, z = (float(half) for half in self.shape.extent)
        return x, y, z

    def _tire_frictions(self) -> list[float]:
        """Of each wheel: its own, or that of the friction trigger it stands in."""
        own = [wheel.tire_friction for wheel in self._physics.wheels]
        vehicles_, index = self._vehicles, self.index
        here = vehicles_.friction[index]
        if np.array_equal(here, vehicles_.chassis["friction"][index]):
            return own
        return [float(tire_friction_of(here[0]))] * len(own)

    # --- how it is doing ---------------------------------------------------------------------------------------------

    def wheel_steer_deg(self, wheel: int) -> float:
        """How far a wheel is turned to the right, in degrees; 0 for wheels it does not have."""
        index = self.index
        after, shown = self._wheel_steer.get(wheel, (-1, 0.0))
        if after == self._vehicles.orders[index]:
            return shown
        angles = crew.wheel_angles_deg(self._vehicles.chassis[index], float(self._vehicles.wheel_angle[index]))
        return angles[wheel] if 0 <= wheel < len(angles) else 0.0

    def set_wheel_steer(self, wheel: int, degrees: float) -> None:
        """Show a wheel turned, without steering by it: the next control shows the true angle again."""
        self._wheel_steer[wheel] = int(self._vehicles.orders[self.index]), degrees

    def telemetry(self) -> VehicleTelemetryData:
        """Engine, gear, and what each tyre does; two wheels of an axle share its forces."""
        index, fleet = self.index, self._vehicles
        chassis, told = fleet.chassis[index], fleet.told[index]
        _, _, _, pitch, yaw, _ = self.pose
        heading = math.radians(yaw)
        vx, vy, vz = self.velocity
        forward = (vx * math.cos(heading) + vy * math.sin(heading)) / max(math.cos(math.radians(pitch)), 0.1)
        right = vy * math.cos(heading) - vx * math.sin(heading)
        turn = math.radians(self.angular_velocity[2])
        one = fleet.fleet_of(np.array([index]))
        throttle = float(fleet.pressed[index, 0])
        rpm = drivetrain.engine_speed(one, fleet.gear[[index]], np.array([throttle]), np.array([forward]))[0]
        wheels = self._physics.wheels
        half = max(len(wheels) // 2, 1)
        found = []
        for number in range(len(wheels)):
            axle = min(number // half, 1)
            ahead = float(chassis["ahead"][axle])
            steer = math.radians(self.wheel_steer_deg(number))
            slip = math.atan2(right + ahead * turn, max(abs(forward), 0.5)) - (steer if forward >= 0.0 else -steer)
            load = float(fleet.axle_load[index, axle]) / half
            along, across = float(fleet.along[index, axle]) / half, float(fleet.across[index, axle]) / half
            stiffness = max(float(chassis["pull"][axle]) / half, 1.0)
            found.append(
                WheelTelemetryData(
                    tire_friction=self._tire_frictions()[number],
                    lat_slip=math.degrees(slip),
                    long_slip=along / stiffness,
                    omega=forward / float(chassis["radius"]),
                    tire_load=load,
                    normalized_tire_load=load / max(float(chassis["mass"]) * 9.81 / len(wheels), 1.0),
                    torque=along * float(chassis["radius"]),
                    long_force=along,
                    lat_force=across,
                    normalized_long_force=along / max(load, 1.0),
                    normalized_lat_force=across / max(load, 1.0),
                )
            )
        return VehicleTelemetryData(
            speed=math.sqrt(vx * vx + vy * vy + vz * vz),
            steer=float(told["steer"]),
            throttle=float(told["throttle"]),
            brake=float(told["brake"]),
            engine_rpm=float(rpm) * 60.0 / math.tau,
            gear=int(fleet.gear[index]),
            drag=float(chassis["drag"]) * forward**2,
            wheels=tuple(found),
        )


_built = lru_cache(maxsize=256)(chassis_of)
"""Vehicles are spawned as built, many of a kind; their rows are copied from what is kept here."""
