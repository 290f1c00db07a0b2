"""Ranges into fixed values: the same scenario and seed always give the same concrete scenario.

Each parameter has a random stream of its own, named after scenario, seed, parameter and attempt, so that adding a
parameter, or changing one, leaves the draws of all others as they were.  Distributions written inside a field have
one each as well.  When the drawn parameters break a ``require``, all are drawn again, a limited number of times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pydantic import BaseModel

from scanyard.errors import ScenarioError
from scanyard.randomness import first_uniforms, stream
from scanyard.scenario import concrete
from scanyard.scenario.distributions import Distribution, Shape
from scanyard.scenario.expression import ExpressionError, Value
from scanyard.scenario.load import KeyPath, Scenario
from scanyard.scenario.model import Recording, RigFile
from scanyard.scenario.quantity import Bounds, ExpressionText, bounds_of
from scanyard.scenario.reading import Reading, did_you_mean, listed
from scanyard.scenario.rig import build_rig, read_rig
from scanyard.sensors import Rig

OVERRIDES = ("recording.rate_hz", "recording.duration_s", "recording.cameras", "rig")
"""What may be set from outside, as at the command line."""
CHUNK, FEW = 2000, 16
"""Scenarios drawn at a time, and how many draws are too few to be worth doing at once."""


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
    return next(draw_many(scenario, [seed], overrides))


def draw_many(
    scenario: Scenario, seeds: Iterable[int], overrides: Mapping[str, str | float | bool] | None = None
) -> Iterator[concrete.ConcreteScenario]:
    """``draw`` with each of ``seeds``, in a fraction of the time: what they have in common is worked out once.

    They are drawn as they are asked for, a few thousand at a time.
    """
    drawer = _Drawer(scenario, _checked_overrides(overrides or {}))
    remaining = iter(seeds)
    while chunk := list(islice(remaining, CHUNK)):
        yield from drawer.draw(chunk)


def draw_parameters(scenario: Scenario, seed: int) -> Draw:
    """Draw the parameters alone, with a report of how hard it was."""
    return _parameters(scenario, [seed])[0]


def _parameters(scenario: Scenario, seeds: Sequence[int]) -> list[Draw]:
    """The parameters with each seed; all seeds make an attempt together, and those that fail make the next."""
    file = scenario.file
    before = ("scenario", file.name)
    shapes = {name: value.shape for name, value in file.parameters.items() if isinstance(value, Distribution)}
    rejections = [dict.fromkeys(file.require, 0) for _ in seeds]
    draws: dict[int, Draw] = {}
    for attempt in range(file.max_draws):
        unlucky = [index for index in range(len(seeds)) if index not in draws]
        if not unlucky:
            break
        trying = [seeds[index] for index in unlucky]
        columns = {name: _uniforms(before, trying, ("parameter", name, attempt)) for name in shapes}
        for row, index in enumerate(unlucky):
            values = {
                name: shapes[name].at(columns[name][row]) if isinstance(value, Distribution) else value
                for name, value in file.parameters.items()
            }
            broken = [text for at, text in enumerate(file.require) if not _holds(scenario, at, text, values)]
            for text in broken:
                rejections[index][text] += 1
            if not broken:
                draws[index] = Draw(values, attempt + 1, {str(text): n for text, n in rejections[index].items()})
    for index, seed in enumerate(seeds):
        if index not in draws:
            raise _too_strict(scenario, seed, rejections[index])
    return [draws[index] for index in range(len(seeds))]


def _too_strict(scenario: Scenario, seed: int, rejections: Mapping[ExpressionText, int]) -> ScenarioError:
    file = scenario.file
    worst = max(rejections, key=lambda text: rejections[text])
    others = [f"{text!r} {count}" for text, count in rejections.items() if text is not worst and count]
    return scenario.reading.complaint(
        ("require", file.require.index(worst)),
        f"{worst!r} rejected {rejections[worst]} of {file.max_draws} draws"
        f"{' (' + ', '.join(others) + ')' if others else ''} with seed {seed}, and none was left; "
        "expected a condition that the parameters can meet: widen them, relax it, or raise max_draws",
    )


def sample_table(scenario: Scenario, seeds: Iterable[int]) -> SampleTable:
    """Draw the parameters of many seeds, to look at before anything is simulated."""
    chosen = tuple(seeds)
    return SampleTable(chosen, tuple(_parameters(scenario, chosen)))


def _holds(scenario: Scenario, index: int, text: ExpressionText, values: Mapping[str, Value]) -> bool:
    try:
        return text.expression.truth(values)
    except ExpressionError as error:
        raise scenario.reading.complaint(("require", index), f"{str(text)!r} {error}") from None


class _Drawer:
    """Draws one scenario with many seeds; what does not depend on the seed is worked out beforehand."""

    def __init__(self, scenario: Scenario, changed: _Overrides) -> None:
        self._scenario, self._changed = scenario, changed
        self._rigs: dict[float, Rig] = {}
        file = scenario.file
        self._recording = _Section(scenario, file.recording, ("recording",))
        self._world = _Section(scenario, file.world, ("world",))
        self._weather = _Section(scenario, file.weather, ("weather",))
        self._ego = _Section(scenario, file.ego, ("ego",))
        self._actors = [
            _Section(scenario, actor, ("actors", index), actor.name) for index, actor in enumerate(file.actors)
        ]
        self._traffic = _Section(scenario, file.traffic, ("traffic",))
        self._sections = [self._recording, self._world, self._weather, self._ego, *self._actors, self._traffic]

    def draw(self, seeds: Sequence[int]) -> Iterator[concrete.ConcreteScenario]:
        """One concrete scenario per seed."""
        parameters = _parameters(self._scenario, seeds)
        for section in self._sections:
            section.prepare(seeds)
        for index, seed in enumerate(seeds):
            yield self._fixed(seed, index, parameters[index].values)

    def _fixed(self, seed: int, index: int, values: Mapping[str, float | int | str]) -> concrete.ConcreteScenario:
        scenario, file = self._scenario, self._scenario.file
        recording = concrete.Recording(**{**self._recording.at(seed, index, values), **self._changed.recording})
        if recording.rate_hz * recording.duration_s < 1:
            raise scenario.reading.complaint(
                ("recording",),
                f"found {recording.duration_s:g} s at {recording.rate_hz:g} Hz; expected at least one frame",
            )
        return concrete.ConcreteScenario(
            name=file.name,
            seed=seed,
            world=concrete.World(**self._world.at(seed, index, values) | {"without": tuple(file.world.without)}),
            weather=concrete.Weather(**self._weather.at(seed, index, values)),
            ego=concrete.Ego(**self._ego.at(seed, index, values)),
            actors=tuple(concrete.Actor(**actor.at(seed, index, values)) for actor in self._actors),
            traffic=concrete.Traffic(**self._traffic.at(seed, index, values)),
            recording=recording,
            rig=self._rig(recording.rate_hz),
            parameters=dict(values),
            tags=scenario.tags,
            source=scenario.source,
            files=(*scenario.reading.files, *(self._changed.rig or scenario.rig).files),
            exposure=None if file.exposure is None else concrete.Exposure(**file.exposure.model_dump()),
        )

    def _rig(self, rate_hz: float) -> Rig:
        if rate_hz not in self._rigs:
            self._rigs[rate_hz] = build_rig(self._changed.rig or self._scenario.rig, rate_hz)
        return self._rigs[rate_hz]


class _Section:
    """One model of a scenario's file, field by field: what is fixed already, and how the rest gets its value.

    ``stream_name`` names it in random streams where its place in the file should not: an actor keeps its draws when
    another is listed before it.
    """

    def __init__(self, scenario: Scenario, model: BaseModel, path: KeyPath, *stream_name: str) -> None:
        self._scenario, self._path = scenario, path
        self._named = (path[0], *(stream_name or path[1:]))
        self._fixed: dict[str, Any] = {}
        self._drawn: dict[str, tuple[Shape, Bounds]] = {}
        self._derived: dict[str, tuple[str | ExpressionText, Bounds | None]] = {}
        for name in type(model).model_fields:
            given, bounds = getattr(model, name), bounds_of(type(model), name)
            if bounds is None:
                if isinstance(given, str) and given.startswith("$"):
                    self._derived[name] = (given, None)
                else:
                    self._fixed[name] = given
            elif isinstance(given, Distribution):
                self._drawn[name] = (given.shape, bounds)
            elif isinstance(given, ExpressionText):
                self._derived[name] = (given, bounds)
            else:
                self._fixed[name] = None if given is None else self._within(name, given, bounds, 0, {})
        self._uniforms: dict[str, Sequence[float]] = {}

    def prepare(self, seeds: Sequence[int]) -> None:
        """Draw the uniform numbers of every field for all of ``seeds``."""
        before = ("scenario", self._scenario.name)
        self._uniforms = {name: _uniforms(before, seeds, ("field", *self._named, name)) for name in self._drawn}

    def at(self, seed: int, index: int, values: Mapping[str, float | int | str]) -> dict[str, Any]:
        """The fields with the seed at ``index`` of those prepared."""
        fields = dict(self._fixed)
        for name, (shape, bounds) in self._drawn.items():
            fields[name] = self._within(name, shape.at(self._uniforms[name][index]), bounds, seed, values)
        for name, (given, limits) in self._derived.items():
            if limits is None:
                fields[name] = values[str(given)[1:]]
                continue
            assert isinstance(given, ExpressionText)
            try:
                number = given.expression.number(values)
            except ExpressionError as error:
                raise self._scenario.reading.complaint((*self._path, name), f"{str(given)!r} {error}") from None
            fields[name] = self._within(name, number, limits, seed, values)
        return fields

    def _within(
        self, name: str, value: float | str, bounds: Bounds, seed: int, values: Mapping[str, float | int | str]
    ) -> float:
        number = value if isinstance(value, str) else round(float(value), 9)
        problem = bounds.problem(number)
        if problem is not None:
            drawn = ", ".join(f"{parameter} = {value}" for parameter, value in values.items())
            raise self._scenario.reading.complaint((*self._path, name), f"{problem} (seed {seed}: {drawn})")
        return int(number) if bounds.whole else float(number)


def _uniforms(before: tuple[str | int, ...], seeds: Sequence[int], after: tuple[str | int, ...]) -> Sequence[float]:
    """The first number of each seed's stream; a few are sooner drawn one by one."""
    if len(seeds) < FEW:
        return [float(stream(*before, seed, *after).random()) for seed in seeds]
    numbers: list[float] = first_uniforms(before, seeds, after).tolist()
    return numbers


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
