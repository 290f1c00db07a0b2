"""Scenario files into scenarios: everything that can be known to be wrong before drawing is found here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from scanyard.errors import ScenarioError
from scanyard.scenario.distributions import Choice, Distribution
from scanyard.scenario.expression import RESERVED
from scanyard.scenario.model import KINDS, RigFile, ScenarioFile
from scanyard.scenario.quantity import ExpressionText
from scanyard.scenario.reading import Reading, did_you_mean, listed, read_model, refuse_same_names
from scanyard.scenario.rig import read_rig

CARLA_TOWN = re.compile(r"Town[0-9]{2}[A-Za-z0-9_]*")
MAP_FOLDER_LEVELS = 3
"""How far up from a scenario its ``maps`` folder may be: beside it, or beside one of two folders around it."""

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Scenario:
    """A scenario with its ranges: what a file says, checked, and where it says it."""

    reading: Reading[ScenarioFile]
    rig: Reading[RigFile]
    source: str
    """The file, as the user named it."""

    @property
    def file(self) -> ScenarioFile:
        """What the file says."""
        return self.reading.model

    @property
    def name(self) -> str:
        """The scenario's name."""
        return self.file.name

    @property
    def description(self) -> str:
        """What happens."""
        return self.file.description

    @property
    def tags(self) -> tuple[str, ...]:
        """Words to find it by."""
        return tuple(self.file.tags)


def load_scenario(path: str | Path) -> Scenario:
    """Read one scenario file, what it extends, and its rig; ScenarioError says file, line, key and a suggestion."""
    reading = read_model(path, ScenarioFile)
    _check_names(reading)
    _check_map(reading)
    rig = reading.folder(("rig",)) / reading.model.rig
    if not rig.is_file():
        known = sorted(file.name for file in rig.parent.glob("*.yaml"))
        raise reading.complaint(
            ("rig",),
            f"found {reading.model.rig!r}, which is no file; expected one of {listed(known)} in {rig.parent}"
            f"{did_you_mean(rig.name, known)}",
        )
    return Scenario(reading, read_rig(rig), str(path))


def load_scenarios(path: str | Path) -> tuple[Scenario, ...]:
    """The scenarios of a folder (its own ``*.yaml``, not those of folders in it), by file name; or of one file."""
    path = Path(path)
    if not path.is_dir():
        return (load_scenario(path),)
    files = sorted(file for file in path.glob("*.yaml") if file.is_file())
    if not files:
        raise ScenarioError(f"{path}: no *.yaml in this folder; expected scenarios")
    scenarios = tuple(load_scenario(file) for file in files)
    first: dict[str, Scenario] = {}
    for scenario in scenarios:
        other = first.setdefault(scenario.name, scenario)
        if other is not scenario:
            raise scenario.reading.complaint(
                ("name",), f"found {scenario.name!r}, also in {other.source}; expected different names"
            )
    return scenarios


def map_folders(source: str | Path) -> tuple[Path, ...]:
    """Where the maps of a scenario file are looked for, nearest first."""
    folder = Path(source).parent
    around = [folder, *(Path(folder, *[".."] * level) for level in range(1, MAP_FOLDER_LEVELS))]
    return tuple(place / "maps" for place in around if (place / "maps").is_dir())


def quantities(model: BaseModel, path: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """Every leaf value of a model with its key path; distributions and expressions count as leaves."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        items: Iterable[tuple[KeyPath, object]] = (
            [((name, index), item) for index, item in enumerate(value)]
            if isinstance(value, list)
            else [((name,), value)]
        )
        for step, item in items:
            if isinstance(item, BaseModel) and not isinstance(item, Distribution):
                yield from quantities(item, (*path, *step))
            else:
                yield (*path, *step), item


def _check_names(reading: Reading[ScenarioFile]) -> None:
    """Every expression uses parameters that exist, and every $kind is a choice of kinds."""
    parameters = reading.model.parameters
    for name in parameters:
        if name in RESERVED:
            raise reading.complaint(
                ("parameters", name), "found a name that means something in expressions; expected another name"
            )
    refuse_same_names(
        reading, {("actors", index, "name"): actor.name for index, actor in enumerate(reading.model.actors)}
    )
    for path, value in quantities(reading.model):
        if isinstance(value, ExpressionText):
            for name in sorted(value.expression.names - set(parameters)):
                raise reading.complaint(
                    path,
                    f"found {name!r}, which is no parameter; expected one of {listed(parameters)}"
                    f"{did_you_mean(name, parameters)}",
                )
    for index, actor in enumerate(reading.model.actors):
        if not actor.kind.startswith("$"):
            continue
        path = ("actors", index, "kind")
        name = actor.kind[1:]
        if name not in parameters:
            raise reading.complaint(
                path,
                f"found {actor.kind!r}, which is no parameter; expected one of {listed(parameters)}"
                f"{did_you_mean(name, parameters)}",
            )
        drawn = parameters[name]
        shape = drawn.shape if isinstance(drawn, Distribution) else None
        words = [value for value in shape.values if isinstance(value, str)] if isinstance(shape, Choice) else []
        unknown = [word for word in words if word not in KINDS]
        if unknown or not words:
            found = repr(unknown[0]) if unknown else "numbers"
            hint = did_you_mean(unknown[0], KINDS) if unknown else ""
            raise reading.complaint(path, f"{actor.kind} may be {found}; expected a choice among {listed(KINDS)}{hint}")


def _check_map(reading: Reading[ScenarioFile]) -> None:
    name = reading.model.world.map
    if CARLA_TOWN.fullmatch(name):
        return
    path = ("world", "map")
    if "/" in name or "\\" in name or "\0" in name or name.endswith(".xodr"):
        if not (Path(name).is_absolute() and name.endswith(".xodr") and "\0" not in name):
            raise reading.complaint(
                path, f"found {name!a}; expected the name of a map, or the absolute path of an .xodr file"
            )
        if not Path(name).is_file():
            raise reading.complaint(path, f"found {name!a}, which is no file; expected an OpenDRIVE map")
        return
    folders = map_folders(reading.document.source)
    known = sorted({file.stem for folder in folders for file in folder.glob("*.xodr")})
    if name not in known:
        where = ", ".join(str(folder) for folder in folders) or f"a folder maps beside {reading.document.source}"
        raise reading.complaint(
            path,
            f"found {name!a}, which is no map; expected one of {listed(known)} in {where}, or a CARLA town such as "
            f"Town04{did_you_mean(name, known)}",
        )
