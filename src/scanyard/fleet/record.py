"""One worker's walk from a scenario to a sealed sequence: simulate, make it real, label, store."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from scanyard import profiles
from scanyard.fleet.outcome import Recorded
from scanyard.frame import Frame
from scanyard.label import label_frame
from scanyard.randomness import stream
from scanyard.realism import apply
from scanyard.scenario.concrete import ConcreteScenario
from scanyard.sequence import Domain, SequenceInfo
from scanyard.sim.simulator import Simulator
from scanyard.store import write_sequence

LICENCE = "CC0-1.0"
"""What we make from nothing but our own code and YAML, anybody may use."""


def record(
    scenario: ConcreteScenario,
    simulator: Simulator,
    dataset: str | Path,
    *,
    server: str,
    domain: Domain = "synthetic",
    notes: Callable[[], Mapping[str, Any]] = dict,
) -> Recorded:
    """Play ``scenario`` and seal what its sensors report as one sequence of ``dataset``.

    ``server`` says what simulated, for the provenance; ``notes`` is asked after the last frame what else is worth
    keeping, and lies beside the digest, not under it, as do the files and lines the scenario was read from.  Raises
    what the rooms raise; nothing half-written stays visible.
    """
    started = time.monotonic()
    noted = written_in(scenario)  # the store writes it down after the last frame
    counted = _Counted(_labelled(scenario, simulator), lambda: noted.update(notes()))
    seal = write_sequence(dataset, _info(scenario, server, domain), counted, record=noted)
    return Recorded(
        sequence=scenario.sequence_name,
        digest=seal.digest,
        frames=counted.frames,
        points=counted.points,
        boxes=counted.boxes,
        seconds=time.monotonic() - started,
        notes=noted,
    )


def realistic(frame: Frame, scenario: ConcreteScenario, index: int) -> Frame:
    """The frame as the rig's real sensors would have reported it, before labelling."""
    if "noise" in scenario.world.without:
        return frame
    sweeps = dict(frame.sweeps)
    paint = int(stream("paint", scenario.name, scenario.seed).integers(2**31))  # a car keeps its paint all along
    for lidar in scenario.rig.lidars:
        if lidar.profile is None:
            continue
        rng = stream("realism", scenario.name, scenario.seed, index, lidar.name)
        sweeps[lidar.name] = apply(
            sweeps[lidar.name], lidar, profiles.load_profile(lidar.profile), rng, paint_seed=paint
        )
    return frame.replace(sweeps=sweeps)


def written_in(scenario: ConcreteScenario) -> dict[str, Any]:
    """The YAML files behind a scenario, itself first, as paths from its own folder; nothing for one that has none."""
    folder = Path(scenario.source).parent
    files = [
        {"file": Path(os.path.relpath(one.path, folder)).as_posix(), "line": one.line, "sha256": one.sha256}
        for one in scenario.files
    ]
    return {"written_in": files} if files else {}


def _labelled(scenario: ConcreteScenario, simulator: Simulator) -> Iterator[Frame]:
    for index, frame in enumerate(simulator.simulate(scenario)):
        yield label_frame(realistic(frame, scenario, index), scenario.rig)


class _Counted:
    """Frames on their way to the store, counted as they pass; ``at_end`` is called after the last."""

    def __init__(self, frames: Iterator[Frame], at_end: Callable[[], None]) -> None:
        self._frames = frames
        self._at_end = at_end
        self.frames = self.points = self.boxes = 0

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._frames:
            self.frames += 1
            self.points += sum(len(sweep) for sweep in frame.sweeps.values())
            self.boxes += len(frame.boxes or ())
            yield frame
        self._at_end()


def _info(scenario: ConcreteScenario, server: str, domain: Domain) -> SequenceInfo:
    return SequenceInfo(
        name=scenario.sequence_name,
        domain=domain,
        drive=scenario.sequence_name,
        rig=scenario.rig,
        licence=LICENCE,
        provenance={
            "scenario": scenario.name,
            "seed": scenario.seed,
            "scenario_digest": scenario.digest,
            "parameters": dict(scenario.parameters),
            "tags": list(scenario.tags),
            "weather": scenario.weather.kind,
            "server": server,
            **_exposure(scenario),
        },
    )


def _exposure(scenario: ConcreteScenario) -> dict[str, float | str]:
    """What ``scanyard evaluate --weights exposure`` reads; nothing where the scenario states none."""
    if scenario.exposure is None:
        return {}
    return {"exposure_per_hour": scenario.exposure.per_hour, "exposure_source": scenario.exposure.source}
