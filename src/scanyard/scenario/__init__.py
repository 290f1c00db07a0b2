"""Rare situations in YAML: what a file may say, reading it, and turning its ranges into fixed values.

A scenario file states a road, who does what on it, weather, traffic and sensors; any number may be a distribution or
an expression over parameters.  How often the situation happens (``exposure``) is a plain number with its source: it is
no part of what is played, and scores are weighed by it.  ``load_scenario`` checks all that can be checked without
drawing, ``draw`` fixes every value for a seed and gives a ``ConcreteScenario``, which is all that a simulator ever
sees.

Left to others: what roads a map has (``roads``), where actors are at each tick (``sim.choreography``), the bird's-eye
preview (``view.preview``).

Turned down:

- YAML libraries' own constructors: they keep no line numbers or build special number types, resolve YAML 1.1 surprises
  (``no`` is false), and expand aliases before anyone can count.  ``document`` builds a tree from the parser's events.
- PyYAML with its C loader: 30 times faster, and a segmentation fault on deep nesting.
- NumPy's distribution methods: their results may change between releases; ``distributions`` inverts one uniform draw.
- One random stream per scenario: a new parameter would reshuffle all later ones.
- Expressions through ``eval`` with empty builtins: attributes of constants lead out of it.
- Loops and conditions in YAML: whoever needs them writes the file with a program.
"""

from scanyard.scenario.concrete import ConcreteScenario
from scanyard.scenario.draw import Draw, SampleTable, draw, draw_many, draw_parameters, sample_table
from scanyard.scenario.load import Scenario, load_scenario, load_scenarios, map_folders
from scanyard.scenario.rig import load_rig
from scanyard.scenario.schema import json_schema, write_schema

__all__ = [
    "ConcreteScenario",
    "Draw",
    "SampleTable",
    "Scenario",
    "draw",
    "draw_many",
    "draw_parameters",
    "json_schema",
    "load_rig",
    "load_scenario",
    "load_scenarios",
    "map_folders",
    "sample_table",
    "write_schema",
]
