"""What clients may ask about a recording: what happened in it, who touched whom, who stood still for long.

The texts have the structure that CARLA's documentation prints, because scripts show and sometimes parse them; lengths
in them are centimetres, as there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from scanyard.carla_server.world.recording import Born, Frame, Recording

CATEGORIES = "ovwth"
"""Other, vehicle, walker, traffic light, hero: by the number that a listing shows."""


def category(one: Born) -> str:
    """Which of ``CATEGORIES`` an actor is."""
    if one.role == "hero":
        return "h"
    for start, letter in (("vehicle.", "v"), ("walker.", "w"), ("traffic.traffic_light", "t")):
        if one.description.id.startswith(start):
            return letter
    return "o"


@dataclass
class _Length:
    """How long a recording is, told while its frames go by."""

    frames: int = 0
    seconds: float = 0.0

    def of(self, recording: Recording) -> Iterator[Frame]:
        for frame in recording.frames():
            self.frames, self.seconds = frame.number, frame.elapsed_s
            yield frame

    def text(self) -> str:
        return f"Frames: {self.frames}\nDuration: {self.seconds:g} seconds\n"


def opening(recording: Recording) -> str:
    """The lines that every report begins with."""
    return f"Version: 1\nMap: {recording.header.map_name}\nDate: {recording.header.date}\n\n"


def info(recording: Recording, *, show_all: bool) -> str:
    """Every frame in which something came, went or touched; with ``show_all`` every frame and all that it holds."""
    length, parts, heroes = _Length(), [opening(recording)], set[int]()
    for frame in length.of(recording):
        heroes |= {one.id for one in frame.born if one.role == "hero"}
        lines = [*_events(frame, heroes), *(_contents(frame) if show_all else ())]
        if lines or show_all:
            parts.append("\n".join([f"Frame {frame.number} at {frame.elapsed_s:g} seconds", *lines, "", ""]))
    return "".join([*parts, length.text()])


def _cm(place_m: Iterable[float]) -> str:
    return ", ".join(f"{round(100 * value, 3) + 0.0:g}" for value in place_m)  # + 0.0: no minus zero


def _events(frame: Frame, heroes: set[int]) -> Iterator[str]:
    for one in frame.born:
        yield f" Create {one.id}: {one.description.id} ({CATEGORIES.index(category(one))}) at ({_cm(one.pose[:3])})"
        for attribute in one.description.attributes:
            yield f"  {attribute.id} = {attribute.value}"
        if one.parent_id:
            yield f" Parenting {one.id} with {one.parent_id} (parent)"
    for touch in frame.touches:
        pair = " and ".join(f"{one}{' (hero)' if one in heroes else ''}" for one in touch[:2])
        yield f" Collision between {pair}"
    for gone in frame.gone:
        yield f" Destroy {gone}"


def _contents(frame: Frame) -> Iterator[str]:
    yield f" Positions: {len(frame.records)}"
    for record in frame.records:
        place, angles = record["pose"][:3].tolist(), record["pose"][3:].tolist()
        yield f"  Id: {record['id']} Location: ({_cm(place)}) Rotation: ({', '.join(f'{angle:g}' for angle in angles)})"
    yield f" Kinematics: {len(frame.records)}"
    for record in frame.records:
        linear, angular = (", ".join(f"{float(value):g}" for value in record[name])
                           for name in ("velocity", "angular_velocity"))  # fmt: skip
        yield f"  Id: {record['id']} Linear velocity: ({linear}) Angular velocity: ({angular})"
    if frame.lights:
        yield f" Vehicle light animations: {len(frame.lights)}"
        for one, flags in frame.lights.items():
            yield f"  Id: {one} Lights: {flags}"
    if frame.weather is not None:
        yield f" Weather: {', '.join(f'{name} = {value:g}' for name, value in frame.weather._asdict().items())}"
    yield f" Current time: {frame.elapsed_s:g} seconds"


def collisions(recording: Recording, first: str, second: str) -> str:
    """When actors of two categories began to touch: "h" hero, "v" vehicle, "w" walker, "t" traffic light, "o", "a" any.

    A hero is a vehicle too, and comes first in its line.
    """
    length, actors, touching = _Length(), dict[int, Born](), set[tuple[int, int, int]]()
    lines = [f"{'Time':>8}  {'Types':5}{'Id':>7} {'Actor 1':<35}{'Id':>7} Actor 2"]
    for frame in length.of(recording):
        actors |= {one.id: one for one in frame.born}
        for touch in frame.touches:
            if tuple(touch) not in touching:
                lines += _collision_line(frame.elapsed_s, touch[:2], actors, (first, second))
        touching = {(touch.actor_id, touch.other_id, touch.tag) for touch in frame.touches}
    return opening(recording) + "\n".join(lines) + "\n\n" + length.text()


def _collision_line(
    elapsed_s: float, ids: tuple[int, int], actors: Mapping[int, Born], wanted: tuple[str, str]
) -> list[str]:
    sides = [(one, actors.get(one)) for one in ids]
    letters = [category(one) if one else "o" for _, one in sides]
    if letters[1] == "h" and letters[0] != "h":
        sides, letters = sides[::-1], letters[::-1]
    ways = [(0, 1)] if letters[0] == "h" else [(0, 1), (1, 0)]  # who is named first is chance, but for the hero
    for a, b in ways:
        if _is_a(sides[a][1], letters[a], wanted[0]) and _is_a(sides[b][1], letters[b], wanted[1]):
            (one, who), (other, whom) = sides[a], sides[b]
            names = [side.description.id if side else "" for side in (who, whom)]
            types = f" {letters[a]} {letters[b]} "
            return [f"{elapsed_s:8.0f}  {types}{one:7d} {names[0]:<35}{other:7d} {names[1]}".rstrip()]
    return []


def _is_a(actor: Born | None, letter: str, wanted: str) -> bool:
    is_vehicle = actor is not None and actor.description.id.startswith("vehicle.")
    return wanted in ("a", letter) or (wanted == "v" and is_vehicle)


@dataclass
class _Stay:
    """Where a vehicle was when it last moved far enough."""

    name: str
    place: np.ndarray
    since_s: float
    stays: list[tuple[float, float]] = field(default_factory=list)
    """When each stay began, and how long it took."""

    def moved_on(self, now_s: float, min_time_s: float) -> None:
        if now_s - self.since_s >= min_time_s:
            self.stays.append((self.since_s, now_s - self.since_s))


def blocked(recording: Recording, min_time_s: float, min_distance_cm: float) -> str:
    """Vehicles that moved less than ``min_distance_cm`` in ``min_time_s``, the longest stay first."""
    length, vehicles, names = _Length(), dict[int, _Stay](), dict[int, str]()
    gone: list[tuple[int, _Stay]] = []
    now_s = 0.0
    for frame in length.of(recording):
        now_s = frame.elapsed_s
        names |= {one.id: one.description.id for one in frame.born if one.description.id.startswith("vehicle.")}
        for one in frame.gone:
            if one in vehicles:
                vehicles[one].moved_on(now_s, min_time_s)
                gone.append((one, vehicles.pop(one)))
        ids = frame.records["id"]
        rows = np.flatnonzero(np.isin(ids, list(names)))
        places = frame.records["pose"][rows, :3]
        for one, place in zip(ids[rows].tolist(), places, strict=True):
            stay = vehicles.setdefault(one, _Stay(names[one], place, now_s))
            if np.linalg.norm(place - stay.place) * 100 >= min_distance_cm:
                stay.moved_on(now_s, min_time_s)
                stay.place, stay.since_s = place, now_s
    for stay in vehicles.values():
        stay.moved_on(now_s, min_time_s)
    rows_of = [(since, one, stay.name, took) for one, stay in [*gone, *vehicles.items()] for since, took in stay.stays]
    lines = [f"{'Time':>8}{'Id':>7} {'Actor':<35}{'Duration':>11}"]
    lines += [f"{since:8.0f}{one:7d} {name:<35}{took:11.0f}"
              for since, one, name, took in sorted(rows_of, key=lambda row: (-row[3], row[0], row[1]))]  # fmt: skip
    return opening(recording) + "\n".join(lines) + "\n\n" + length.text()
