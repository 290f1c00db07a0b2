"""``scanyard simulate``: a folder of YAML scenarios to a sealed dataset."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanyard.cli.progress import Advance, progress
from scanyard.cli.upkeep import SigningKey, load_signing_key, sealed_as
from scanyard.errors import InputError, SimulationError

if TYPE_CHECKING:
    from scanyard.fleet.campaign import Progress, Settings
    from scanyard.sequence import Domain

logger = logging.getLogger(__name__)


def simulate(
    scenarios: Annotated[Path, typer.Argument(help="A scenario YAML or a folder of them.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Dataset folder to write into; an existing one goes on.")],
    seeds: Annotated[str, typer.Option(help="Seeds as FIRST:END (END excluded), or one number.")] = "0:1",
    workers: Annotated[int, typer.Option(min=1, help="Servers at work at the same time.")] = 2,
    address: Annotated[str | None, typer.Option(help="A Ray cluster to use instead of this machine.")] = None,
    cpus: Annotated[float, typer.Option(min=0, help="Cores each worker claims of its Ray node.")] = 1.0,
    gpus: Annotated[float, typer.Option(min=0, help="Graphics cards each worker claims; 0.5 puts two on one.")] = 0.0,
    carla: Annotated[
        str | None,
        typer.Option(help="CARLA's start script, container:IMAGE, or HOST:PORT of a running server, instead of ours."),
    ] = None,
    adapters: Annotated[
        str, typer.Option(help="Graphics cards for CARLA servers, as 0,1; each machine shares them out.")
    ] = "",
    limits: Annotated[
        Path | None, typer.Option(help="YAML of deadlines and of when a server is replaced (fleet/limits.py).")
    ] = None,
    rate_hz: Annotated[float | None, typer.Option(help="Record at this rate instead of each scenario's own.")] = None,
    duration_s: Annotated[float | None, typer.Option(help="Record this long instead of each scenario's own.")] = None,
    rig: Annotated[Path | None, typer.Option(help="Use this rig instead of each scenario's own.")] = None,
    no_cameras: Annotated[
        bool, typer.Option("--no-cameras", help="Do not render cameras: several times faster.")
    ] = False,
    signing_key: SigningKey = None,
) -> None:
    """Play scenarios and seal what the sensors saw, labelled, as a dataset.

    Example: scanyard simulate scenarios/ --out out/synthetic --seeds 0:4 --workers 2
    """
    generate(
        scenarios,
        out,
        parse_seeds(seeds),
        workers=workers,
        address=address,
        cpus=cpus,
        gpus=gpus,
        carla=carla,
        adapters=parse_adapters(adapters),
        limits=limits,
        overrides=overrides(rate_hz=rate_hz, duration_s=duration_s, rig=rig, cameras=False if no_cameras else None),
        signing_key=signing_key,
    )


def overrides(
    *,
    rate_hz: float | None = None,
    duration_s: float | None = None,
    rig: Path | None = None,
    cameras: bool | None = None,
) -> dict[str, str | float | bool]:
    """What the command line changes in every scenario; ``None`` leaves what the scenario says."""
    values: dict[str, str | float | bool | None] = {
        "recording.rate_hz": rate_hz,
        "recording.duration_s": duration_s,
        "recording.cameras": cameras,
        "rig": None if rig is None else str(rig),
    }
    return {key: value for key, value in values.items() if value is not None}


def generate(
    scenarios: Path,
    out: Path,
    seeds: range,
    *,
    workers: int,
    address: str | None = None,
    cpus: float = 1.0,
    gpus: float = 0.0,
    carla: str | None = None,
    adapters: tuple[int, ...] = (),
    limits: Path | None = None,
    overrides: dict[str, str | float | bool] | None = None,
    domain: Domain = "synthetic",
    signing_key: Path | None = None,
) -> None:
    """Bring the dataset ``out`` up to date with every scenario drawn with every seed; say how it went."""
    from scanyard.fleet.plan import plan
    from scanyard.fleet.record import LICENCE
    from scanyard.scenario import draw, load_scenarios, map_folders
    from scanyard.store import create_dataset, open_dataset, require_nothing_lost, seal_dataset, sweep_staging
    from scanyard.store.dataset import committed_names

    key = load_signing_key(signing_key)  # a campaign takes hours, and a wrong key is told of at once
    loaded = load_scenarios(scenarios)
    for scenario in loaded:
        draw(scenario, seeds[0], overrides)  # what is wrong with it is said before anything is made
    create_dataset(out, licence=LICENCE)
    sweep_staging(out)
    with progress(f"plan {out.name}") as advance:
        planned = plan(
            loaded,
            seeds,
            committed_names(out),  # names are enough, and opening reads every seal
            overrides,
            on_progress=lambda done, all_: advance(done, all_, ""),
        )
    todo = planned.todo
    require_nothing_lost(out, coming=[drawn.sequence_name for drawn in todo])
    if planned.present:
        print(f"{planned.present} of {planned.wanted} sequences are already there")
    if todo:
        from scanyard.fleet.campaign import Settings, report_of, run_campaign
        from scanyard.fleet.limits import Limits, load_limits

        settings = Settings(
            dataset=str(out.resolve()),
            maps=str(map_folders(loaded[0].source)[0].resolve()),
            workers=workers,
            address=address,
            cpus=cpus,
            gpus=gpus,
            carla=carla,
            domain=domain,
            adapters=adapters,
            limits=Limits() if limits is None else load_limits(limits),
        )
        if said := on_one_card(settings):
            logger.warning("%s", said)
        try:
            with progress(f"simulate {out.name}") as advance:
                outcome = run_campaign(todo, settings, lambda state: _show(advance, state))
        finally:
            sweep_staging(out)
        for failed in outcome.failures:
            print(f"  failed once: {failed.sequence}: {failed.kind}: {failed.reason}")
        told = report_of(outcome, settings)
        print("\n".join(told.lines()))
        path = Path(settings.logs) / f"{out.resolve().name}-report.json"
        told.write(path)
        print(f"accounts, and the servers' logs beside them: {path}")
    digest = seal_dataset(out, key=key)
    dataset = open_dataset(out)
    print(f"{out}: {len(dataset.sequences)} sequences, {dataset.num_frames} frames, {sealed_as(digest, key)}")
    if todo and outcome.quarantined:
        raise SimulationError(quarantine(outcome))


def parse_seeds(text: str) -> range:
    """``0:4`` is 0, 1, 2, 3; ``7`` is 7 alone."""
    first, colon, end = text.partition(":")
    try:
        seeds = range(int(first or 0), int(end) if colon else int(first) + 1)
    except ValueError:
        raise InputError(f"--seeds {text!r}: expected FIRST:END or one number, such as 0:4") from None
    if not seeds or seeds[0] < 0:
        raise InputError(f"--seeds {text!r}: holds no seed; END is excluded, so 0:4 means 0, 1, 2, 3")
    return seeds


def parse_adapters(text: str) -> tuple[int, ...]:
    """``0,1`` is 0 and 1; nothing is none."""
    try:
        return tuple(int(word) for word in text.split(",") if word.strip())
    except ValueError:
        raise InputError(f"--adapters {text!r}: expected numbers of graphics cards, such as 0,1") from None


def on_one_card(settings: Settings) -> str | None:
    """What to say where CARLA servers claim graphics cards of Ray that they will not heed; None where all is well."""
    from scanyard.fleet.launch import parse_carla

    starts_carla = settings.carla is not None and not isinstance(
        parse_carla(settings.carla, Path(settings.maps), threads=0, adapter=None), str
    )
    if not starts_carla or not settings.gpus or settings.adapters:
        return None
    return (
        f"--gpus {settings.gpus:g} without --adapters: CARLA does not heed which card Ray gave its worker, so on a "
        "machine with several all servers render on the same; name the cards, such as --adapters 0,1"
    )


def _show(advance: Advance, state: Progress) -> None:
    note = f"{state.frames} frames, {state.frames_per_s:.1f} frames/s, {len(state.failures)} failures"
    if state.waits_for_disk:
        note += ", waiting for room on the disk"
    elif not state.workers:
        note += ", waiting for a worker"
    advance(state.done, state.total, note)


def quarantine(outcome: Progress) -> str:
    """What to say of scenarios that were set aside, one line each below the first."""
    lines = [f"  {failed.sequence}: {failed.kind}: {failed.reason}" for failed in outcome.quarantined]
    others = (
        "the others are sealed"
        if outcome.recorded
        else "and nothing was sealed, so the machine may be at fault instead: scanyard doctor checks it"
    )
    head = f"{len(outcome.quarantined)} of {outcome.total} scenarios are quarantined, {others}:"
    return "\n".join([head, *lines])
