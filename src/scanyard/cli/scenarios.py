"""``scanyard scenario``: check, sample and preview YAML scenarios without a simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanyard.cli.generate import parse_seeds

app = typer.Typer(help="Check, sample and preview scenarios; no simulator needed.", no_args_is_help=True)

ScenarioPath = Annotated[Path, typer.Argument(help="A scenario YAML or a folder of them.")]


@app.command()
def check(
    scenarios: ScenarioPath,
    seeds: Annotated[str, typer.Option(help="Seeds to try, FIRST:END.")] = "0:20",
) -> None:
    """Read scenarios, draw each with a few seeds, and say how often the draws were accepted.

    Example: scanyard scenario check scenarios/
    """
    from scanyard.scenario import draw, load_scenarios, sample_table

    for scenario in load_scenarios(scenarios):
        chosen = parse_seeds(seeds)
        table = sample_table(scenario, chosen)
        for seed in chosen:
            draw(scenario, seed)
        worst = next(((text, count) for text, count in table.rejections.items() if count), None)
        tail = f"; {worst[0]!r} rejected most, {worst[1]}" if worst else ""
        print(f"{scenario.name}: ok, {len(chosen)} of {table.attempts} draws accepted{tail}")


@app.command()
def sample(
    scenarios: ScenarioPath,
    seeds: Annotated[str, typer.Option(help="Seeds, FIRST:END.")] = "0:5",
) -> None:
    """Print the values that seeds draw.

    Example: scanyard scenario sample scenarios/cut_in_short_gap.yaml --seeds 0:3
    """
    from rich.console import Console
    from rich.table import Table

    from scanyard.scenario import load_scenarios, sample_table

    for scenario in load_scenarios(scenarios):
        drawn = sample_table(scenario, parse_seeds(seeds))
        table = Table("seed", *drawn.columns, title=scenario.name, title_justify="left")
        for seed, one in zip(drawn.seeds, drawn.draws, strict=True):
            table.add_row(str(seed), *(f"{v:.4g}" if isinstance(v, float) else str(v) for v in one.values.values()))
        Console(markup=False).print(table)


@app.command()
def preview(
    scenarios: ScenarioPath,
    out: Annotated[Path, typer.Option("--out", "-o", help="PNG file, or a folder for several.")] = Path("preview.png"),
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Draw what happens from above: lanes, the ego's route, where everybody goes.

    Example: scanyard scenario preview scenarios/wrong_way_car.yaml --out wrong_way.png
    """
    from scanyard.roads import RoadMap, find_map
    from scanyard.scenario import draw, load_scenarios, map_folders
    from scanyard.sim.choreography import choreograph
    from scanyard.view.preview import write_preview

    loaded = load_scenarios(scenarios)
    for scenario in loaded:
        concrete = draw(scenario, seed)
        road_map = RoadMap.load(find_map(concrete.world.map, map_folders(scenario.source)))
        choreography = choreograph(concrete, road_map)
        path = out if len(loaded) == 1 else out.with_suffix("") / f"{concrete.sequence_name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_preview(
            path,
            concrete,
            road_map,
            choreography.route,
            tracks=choreography.tracks,
            world_from_ego=choreography.world_from_ego,
        )
        print(path)


@app.command()
def schema(
    out: Annotated[Path, typer.Option("--out", "-o", help="JSON file to write.")] = Path(
        "scenarios/schema/scenario.json"
    ),
) -> None:
    """Write the JSON Schema that editors complete scenario files with.

    Example: scanyard scenario schema --out scenarios/schema/scenario.json
    """
    from scanyard.scenario import write_schema

    out.parent.mkdir(parents=True, exist_ok=True)
    write_schema(out)
    print(out)
