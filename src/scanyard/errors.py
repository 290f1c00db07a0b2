"""Every error scanyard raises on purpose, as one tree.

    ScanyardError
    ├── InputError               what the user handed in is wrong; nothing was started
    │   ├── ScenarioError        a scenario, rig or recipe YAML: file, line, key, suggestion
    │   ├── MapError             an OpenDRIVE map that is missing or cannot be used
    │   ├── FormatError          a dataset file that does not follow its format: file and line
    │   ├── CheckpointError      a detector file that cannot be loaded
    │   └── LicenceError         a use that the data's licences forbid, and why
    ├── StoreError               the dataset on disk cannot be used as asked
    │   ├── DamagedError         bytes differ from their seal, or are gone
    │   └── DeterminismError     the same work gave two different results
    ├── SimulationError          a simulation did not finish
    │   ├── ServerError          the server died, hung or never came up: worth another try on a new server
    │   └── ScenarioFault        the scenario itself cannot be played: trying again changes nothing
    ├── EvaluationError          labels and detections do not fit together, or nothing can be scored
    │   └── ContractError        ... and what is wrong has a name: another range, flipped yaw, a missing frame
    └── EnvironmentFault         this machine lacks something: the message says how to get it

The front door turns any of them into one line on stderr and exit code 2.  A message says what was found, where, what
was expected and what to do, in lower case after the colon.
"""

from __future__ import annotations


class ScanyardError(Exception):
    """Base of all errors raised on purpose; catch it to show a message instead of a traceback."""


class InputError(ScanyardError, ValueError):
    """What the user handed in is wrong."""


class ScenarioError(InputError):
    """A YAML file says something it may not say."""


class MapError(InputError):
    """An OpenDRIVE map is missing or cannot be used."""


class FormatError(InputError):
    """A dataset file does not follow its format."""


class CheckpointError(InputError):
    """A detector file cannot be loaded."""


class LicenceError(InputError):
    """Data may not be used for this."""


class StoreError(ScanyardError):
    """A dataset on disk cannot be used as asked."""


class DamagedError(StoreError):
    """Stored bytes differ from their seal, or are gone."""


class DeterminismError(StoreError):
    """The same work gave two different results."""


class SimulationError(ScanyardError):
    """A simulation did not finish; ``name`` is the word that reports count it under."""

    name = "simulation_failed"

    def __init__(self, message: str, *, name: str | None = None) -> None:
        super().__init__(message)
        if name is not None:
            self.name = name


class ServerError(SimulationError):
    """The server died, hung or never came up; worth another try on a new server."""

    name = "server_failed"


class ScenarioFault(SimulationError):
    """The scenario itself cannot be played; trying again changes nothing."""

    name = "scenario_unplayable"


class EvaluationError(ScanyardError, ValueError):
    """Labels and detections do not fit together, or there is nothing to score."""


class ContractError(EvaluationError):
    """Labels and detections break the evaluation's contract in a way that has a name."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name.replace('_', ' ')}: {message}")
        self.name, self.message = name, message

    def __reduce__(self) -> tuple[type[ContractError], tuple[str, str]]:
        """Both parts, so that it comes out of another process as it went in."""
        return ContractError, (self.name, self.message)


class EnvironmentFault(ScanyardError):
    """This machine lacks something; the message says how to get it."""
