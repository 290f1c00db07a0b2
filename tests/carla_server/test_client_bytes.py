"""The bytes the official client sends for every call it knows, recorded on their way and read by our layouts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from flat_carla_world import flat_server
from recording_proxy import Proxy

from scanyard.carla_server.calls.table import methods
from scanyard.carla_server.protocol import drawing
from scanyard.carla_server.protocol.drawing import DebugShape, Line, Point
from scanyard.carla_server.protocol.framing import Messages
from scanyard.carla_server.protocol.physics import AckermannControllerSettings
from scanyard.carla_server.protocol.rpc import arguments_of
from scanyard.carla_server.protocol.wire import (
    BoundingBox,
    EpisodeSettings,
    LightState,
    OptionalFloat,
    Rotation,
    Transform,
    Vector3D,
    VehicleAckermannControl,
    VehicleControl,
    VehicleLightState,
    WalkerControl,
    WeatherParameters,
)
from scanyard.carla_server.world.maps import Maps
from scanyard.carla_server.world.simulation import Simulation

SCRIPT = Path(__file__).with_name("client_that_calls_everything.py")
CAR, WALKER, CAMERA = 2, 3, 4
HERE, THERE, EVERYWHERE = Vector3D(1.0, 2.0, 3.0), Vector3D(4.0, 5.0, 6.0), Vector3D(7.0, 8.0, 9.0)
POSE = Transform(HERE, Rotation(4.0, 5.0, 6.0))
BOX = drawing.Box(BoundingBox(HERE, THERE), Rotation(7.0, 8.0, 9.0), 0.5)
DARK = drawing.Color(1, 2, 3)

LAST_SAID: Mapping[str, tuple[Any, ...]] = {
    "set_episode_settings": (
        EpisodeSettings(True, False, OptionalFloat(True, 0.0625), True, 0.01, 12, 0.0, True, 3000.0, 2000.0, True),
    ),
    "set_weather_parameters": (WeatherParameters(*[float(one) for one in range(1, 15)]),),
    "set_imui_gravity": (3.5,),
    "get_all_level_BBs": (14,),
    "enable_environment_objects": ((7001,), False),
    "load_map_layer": (256,),
    "unload_map_layer": (4,),
    "cast_ray": (HERE, Vector3D(4.0, 5.0, -6.0)),
    "project_point": (HERE, Vector3D(0.0, 0.0, -1.0), 50.5),
    "freeze_all_traffic_lights": (False,),
    "set_annotations_traverse_translucency": (True,),
    "set_actor_location": (CAR, Vector3D(11.5, 2.5, 0.5)),
    "set_actor_transform": (CAR, POSE),
    "set_actor_target_velocity": (CAR, HERE),
    "set_actor_target_angular_velocity": (CAR, THERE),
    "enable_actor_constant_velocity": (CAR, EVERYWHERE),
    "disable_actor_constant_velocity": (CAR,),
    "add_actor_impulse": (CAR, HERE),
    "add_actor_force": (CAR, THERE),
    "add_actor_angular_impulse": (CAR, Vector3D(10.0, 11.0, 12.0)),
    "set_actor_simulate_physics": (CAR, True),
    "set_actor_collisions": (CAR, False),
    "set_actor_enable_gravity": (CAR, False),
    "get_actor_component_world_transform": (CAR, "Nonsense"),
    "apply_control_to_vehicle": (CAR, VehicleControl(0.5, -0.25, 0.125, True, False, True, 3)),
    "apply_ackermann_control_to_vehicle": (CAR, VehicleAckermannControl(0.25, 1.0, 2.0, 3.0, 4.0)),
    "apply_ackermann_controller_settings": (CAR, AckermannControllerSettings(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)),
    "set_vehicle_light_state": (CAR, VehicleLightState(8)),
    "open_vehicle_door": (CAR, 2),
    "close_vehicle_door": (CAR, 6),
    "set_wheel_steer_direction": (CAR, 1, 12.5),
    "get_wheel_steer_angle": (CAR, 1),
    "set_wheel_pitch_angle": (CAR, 2, 22.5),
    "get_wheel_pitch_angle": (CAR, 2),
    "show_vehicle_debug_telemetry": (CAR, True),
    "enable_carsim": (CAR, "simfile"),
    "use_carsim_road": (CAR, True),
    "restore_physx_physics": (CAR,),
    "apply_control_to_walker": (WALKER, WalkerControl(Vector3D(0.0, 1.0, 0.0), 1.5, True)),
    "blend_pose": (WALKER, 0.0),
    "set_ignored_vehicles": (CAMERA, (1, 2)),
    "get_gbuffer_token": (CAMERA, 1),
    "start_recorder": ("drive.log", True),
    "stop_recorder": (),
    "show_recorder_file_info": ("drive.log", False),
    "show_recorder_collisions": ("drive.log", ord("v"), ord("a")),
    "show_recorder_actors_blocked": ("drive.log", 30.5, 20.5),
    "set_replayer_time_factor": (2.5,),
    "set_replayer_ignore_hero": (True,),
    "set_replayer_ignore_spectator": (False,),
    "replay_file": ("missing.log", 1.5, 2.5, 3, False, Transform(Vector3D(-10.0, 0.0, 5.0), Rotation(-25.0, 0.0, 0.0))),
    "stop_replayer": (True,),
    "destroy_actor": (CAR,),
}
"""What the script's last call of each name says, decoded."""

DRAWN = [
    DebugShape(Point(HERE, 0.25), DARK, 1.5, True),
    DebugShape(Line(HERE, THERE, 0.5), DARK, 0.0, True),
    DebugShape(drawing.Arrow(Line(HERE, THERE, 0.5), 0.75), DARK, -1.0, True),
    DebugShape(BOX, DARK, -1.0, True),
    DebugShape(drawing.String(HERE, "text", True), DARK, -1.0, True),
    DebugShape(drawing.HudPoint(HERE, 0.25), DARK, -1.0, True),
    DebugShape(drawing.HudLine(HERE, THERE, 0.5), DARK, -1.0, True),
    DebugShape(drawing.HudArrow(Line(HERE, THERE, 0.5), 0.75), DARK, -1.0, True),
    DebugShape(drawing.HudBox(*BOX), DARK, -1.0, True),
]


@pytest.fixture(scope="module")
def conversation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], dict[str, list[Any]]]]:
    """What the client was answered, and all it said: the arguments of every call, decoded, by name."""
    folder = tmp_path_factory.mktemp("maps")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        server = flat_server(folder)
    proxy = Proxy(server.rpc_port)
    try:
        done = subprocess.run(
            [sys.executable, str(SCRIPT), str(proxy.port), "drive.log"],
            capture_output=True, text=True, timeout=120.0, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert server.failure is None
    finally:
        proxy.close()
        server.close()
    nothing: Any = None
    calls = methods(Simulation(Maps([]), nothing), nothing)
    said: dict[str, list[Any]] = {}
    for stream in proxy.said:
        for kind, _msgid, name, arguments in Messages().feed(bytes(stream)):
            assert kind == 0
            assert len(arguments[0]) == 1
            assert name in calls, f"the client called {name}"
            said.setdefault(name, []).append(arguments_of(calls[name], arguments[1:]))
    yield json.loads(done.stdout.splitlines()[-1]), said


@pytest.mark.parametrize("name", LAST_SAID)
def test_what_the_client_says_is_read_as_it_was_meant(conversation: Any, name: str) -> None:
    _, said = conversation
    assert said[name][-1] == LAST_SAID[name]
    assert [type(one) for one in said[name][-1]] == [type(one) for one in LAST_SAID[name]]


def test_debug_shapes_are_told_apart(conversation: Any) -> None:
    _, said = conversation
    drawn = [shape for (shape,) in said["draw_debug_shape"]]
    assert drawn == DRAWN
    assert [type(shape.primitive) for shape in drawn] == [type(shape.primitive) for shape in DRAWN]


def test_textures_keep_their_pixels(conversation: Any) -> None:
    _, said = conversation
    [(names, parameter, texture)] = said["apply_color_texture_to_objects"]
    assert (names, parameter, texture.width, texture.height) == (("parked_0",), drawing.DIFFUSE, 2, 1)
    assert texture.pixels.tolist() == [[10, 20, 30, 40], [50, 60, 70, 80]]
    [(_, _, floats)] = said["apply_float_color_texture_to_objects"]
    assert floats.pixels.tolist() == [[0.25, 0.5, 0.75, 1.0]]


def test_what_the_light_manager_changed_is_sent_with_the_next_tick(conversation: Any) -> None:
    answers, said = conversation
    client, lamps, _ = said["update_lights_state"][-1]
    assert client == said["query_lights_state"][-1][0]
    assert lamps == (LightState(2, Vector3D(-5.0, 6.0, 7.5), 1234.5, 2, (10, 20, 30), True),)
    assert answers["turned_on"] == "[2]"
    assert said["update_day_night_cycle"][-1] == (client, False)


def test_physics_go_to_the_client_and_come_back_unharmed(conversation: Any) -> None:
    answers, said = conversation
    [(actor_id, physics)] = said["apply_physics_control"]
    assert (actor_id, physics.mass, physics.max_rpm) == (CAR, 1234.5, 6543.0)
    assert len(physics.wheels) == 4
    assert len(physics.torque_curve) > 2
    assert len(physics.forward_gears) > 2
    assert answers["physics"] == "1234.5"


UNAVAILABLE = {
    "carsim": "None", "chrono": "None",  # the client does not wait for the refusal
    "no_component": "no component 'Nonsense'",
}  # fmt: skip


def test_every_call_is_answered(conversation: Any) -> None:
    answers, _ = conversation
    assert [name for name, answer in answers.items() if "rpc_error" in answer or "bad_cast" in answer] == []
    refused = {name: answer for name, answer in answers.items() if "error" in answer.lower()}
    assert refused.keys() == {"no_component"}, refused
    assert answers["batch"] == str([""] * 15 + ["unable to destroy actor: not found"])
    for name, text in UNAVAILABLE.items():
        assert text in answers[name]
