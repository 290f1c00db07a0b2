"""Ranges into fixed values: the same scenario and seed always give the same concrete scenario.

Each parameter has a random stream of its own, named after scenario, seed, parameter and attempt, so that adding a
parameter, or changing one, leaves the draws of all others as they were.  Distributions written inside a field have
one each as well.  When the drawn parameters break a ``require``, all are drawn again, a limited number of times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from scanyard.errors import ScenarioError
from scanyard.randomness import stream
from scanyard.scenario import concrete
from scanyard.scenario.distributions import Distribution
from scanyard.scenario.expression import ExpressionError, Value
from scanyard.scenario.load import KeyPath, Scenario
from scanyard.scenario.model import Recording, RigFile
from scanyard.scenario.quantity import Bounds, ExpressionText, bounds_of
from scanyard.scenario.reading import Reading, did_you_mean, listed
from scanyard.scenario.rig import build_rig, read_rig

OVERRIDES = ("recording.rate_hz", "recording.duration_s", "recording.cameras", "rig")
"""What may be set from outside, as at the command line."""


@dataclass(frozen=True)
class Draw:
    """Parameters that satisfy every requirement, and what it took to find them."""

    values: Mapping[str, float | int | str]
    """The drawn parameters, by name."""
    attempts: int
    """How many sets were drawn, the accepted one included."""
    rejections: Mapping[str, int]
    """How many of them each requirement rejected; a set may break several."""

    @property
    def acceptance_rate(self) -> float:
        """Share of the drawn sets that satisfied every requirement."""
        return 1.0 / self.attempts


@dataclass(frozen=True)
class SampleTable:
    """Parameters drawn for many seeds."""

    seeds: tuple[int, ...]
    draws: tuple[Draw, ...]
    """One per seed."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(self.draws[0].values) if self.draws else ()

    @property
    def attempts(self) -> int:
        """Sets drawn for all seeds together."""
        return sum(draw.attempts for draw in self.draws)

    @property
    def acceptance_rate(self) -> float:
        """Share of all drawn sets that were accepted."""
        return len(self.draws) / self.attempts if self.draws else 0.0

    @property
    def rejections(self) -> dict[str, int]:
        """How many sets each requirement rejected, the strictest first."""
        total: Counter[str] = Counter()
        for draw in self.draws:
            total.update(draw.rejections)  # adding Counters would drop requirements that rejected nothing
        return dict(total.most_common())


def draw(
    scenario: Scenario, seed: int, overrides: Mapping[str, str | float | bool] | None = None
) -> concrete.ConcreteScenario:
    """Fix every value of ``scenario``; ScenarioError when no parameters satisfy its requirements.

    ``overrides`` replaces what the file says, by key path: ``recording.rate_hz``, ``recording.duration_s``,
    and ``rig``, the path of a rig file from the current folder.
    """
    changed = _checked_overrides(overrides or {})
    file = scenario.file
    values = draw_parameters(scenario, seed).values
    fixed = _Fixer(scenario, seed, values)
    recording = concrete.Recording(**{**fixed.section(file.recording, ("recording",)), **changed.recording})
    if recording.rate_hz * recording.duration_s < 1:
        raise scenario.reading.complaint(
            ("recording",),
            f"found {recording.duration_s:g} s at {recording.rate_hz:g} Hz; expected at least one frame",
        )
    return concrete.ConcreteScenario(
        name=file.name,
        seed=seed,
        world=concrete.World(**fixed.section(file.world, ("world",)) | {"without": tuple(file.world.without)}),
        weather=concrete.Weather(**fixed.section(file.weather, ("weather",))),
        ego=concrete.Ego(**fixed.section(file.ego, ("ego",))),
        actors=tuple(
            concrete.Actor(**fixed.section(actor, ("actors", index), actor.name))
            for index, actor in enumerate(file.actors)
        ),
        traffic=concrete.Traffic(**fixed.section(file.traffic, ("traffic",))),
        recording=recording,
        rig=build_rig(changed.rig or scenario.rig, recording.rate_hz),
        parameters=dict(values),
        tags=scenario.tags,
        source=scenario.source,
    )


def draw_parameters(scenario: Scenario, seed: int) -> Draw:
    """Draw the parameters alone, with a report of how hard it was."""
    file = scenario.file
    rejections = dict.fromkeys(file.require, 0)
    for attempt in range(file.max_draws):
        values = {
            name: value.at(stream("scenario", file.name, seed, "parameter", name, attempt).random())
            if isinstance(value, Distribution)
            else value
            for name, value in file.parameters.items()
        }
        broken = [text for index, text in enumerate(file.require) if not _holds(scenario, index, text, values)]
        if not broken:
            return Draw(values, attempt + 1, {str(text): count for text, count in rejections.items()})
        for text in broken:
            rejections[text] += 1
    worst = max(rejections, key=lambda text: rejections[text])
    others = [f"{text!r} {count}" for text, count in rejections.items() if text is not worst and count]
    raise scenario.reading.complaint(
        ("require", file.require.index(worst)),
        f"{worst!r} rejected {rejections[worst]} of {file.max_draws} draws"
        f"{' (' + ', '.join(others) + ')' if others else ''} with seed {seed}, and none was left; "
        "expected a condition that the parameters can meet: widen them, relax it, or raise max_draws",
    )


def sample_table(scenario: Scenario, seeds: Iterable[int]) -> SampleTable:
    """Draw the parameters of many seeds, to look at before anything is simulated."""
    chosen = tuple(seeds)
    return SampleTable(chosen, tuple(draw_parameters(scenario, seed) for seed in chosen))


def _holds(scenario: Scenario, index: int, text: ExpressionText, values: Mapping[str, Value]) -> bool:
    try:
        return text.expression.truth(values)
    except ExpressionError as error:
        raise scenario.reading.complaint(("require", index), f"{str(text)!r} {error}") from None


@dataclass(frozen=True)
class _Fixer:
    """Gives every quantity of one scenario its value."""

    scenario: Scenario
    seed: int
    values: Mapping[str, float | int | str]

    def section(self, model: BaseModel, path: KeyPath, *stream_name: str) -> dict[str, Any]:
        """The fields of one model, fixed.

        ``stream_name`` names it in random streams where its place in the file should not: an actor keeps its draws when
        another is listed before it.
        """
        named = (path[0], *(stream_name or path[1:]))
        return {
            name: self._field((*path, name), (*named, name), getattr(model, name), bounds_of(type(model), name))
            for name in type(model).model_fields
        }

    def _field(self, path: KeyPath, named: KeyPath, given: Any, bounds: Bounds | None) -> Any:
        if bounds is None:
            return self.values[given[1:]] if isinstance(given, str) and given.startswith("$") else given
        if given is None:
            return None
        value = given
        if isinstance(given, Distribution):
            value = given.at(stream("scenario", self.scenario.name, self.seed, "field", *named).random())
        elif isinstance(given, ExpressionText):
            try:
                value = given.expression.number(self.values)
            except ExpressionError as error:
                raise self.scenario.reading.complaint(path, f"{str(given)!r} {error}") from None
        number = value if isinstance(value, str) else round(float(value), 9)
        problem = bounds.problem(number)
        if problem is not None:
            drawn = ", ".join(f"{name} = {value}" for name, value in self.values.items())
            raise self.scenario.reading.complaint(path, f"{problem} (seed {self.seed}: {drawn})")
        return int(number) if bounds.whole else float(number)


@dataclass(frozen=True)
class _Overrides:
    recording: dict[str, float]
    rig: Reading[RigFile] | None


def _checked_overrides(overrides: Mapping[str, str | float | bool]) -> _Overrides:
    recording: dict[str, float] = {}
    rig = None
    for key, value in overrides.items():
        if key not in OVERRIDES:
            raise ScenarioError(f"{key}: cannot be set; expected {listed(OVERRIDES)}{did_you_mean(key, OVERRIDES)}")
        if key == "rig":
            rig = read_rig(str(value))
            continue
        name = key.removeprefix("recording.")
        if name == "cameras":
            if not isinstance(value, bool):
                raise ScenarioError(f"{key}: found {value!a}; expected true or false")
            recording[name] = value
            continue
        try:
            number = float(value)
        except ValueError:
            raise ScenarioError(f"{key}: found {value!a}; expected a number") from None
        bounds = bounds_of(Recording, name)
        problem = bounds.problem(number) if bounds is not None else None
        if problem is not None:
            raise ScenarioError(f"{key}: {problem}")
        recording[name] = number
    return _Overrides(recording, rig)
