"""``scanyard serve``: a CARLA server in this terminal, until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HOW_TO_CONNECT = """\
A CARLA 0.9.16 server with the map {town} listens on {host}, port {port}.  From Python (pip install carla==0.9.16):

    import carla
    client = carla.Client("{reach}", {port})
    world = client.get_world()

Ctrl-C ends it."""


def serve(
    port: Annotated[
        int, typer.Option(min=0, max=65534, help="Port for calls; streams use the next one. 0 = free.")
    ] = 2000,
    town: Annotated[
        str, typer.Option("--map", metavar="NAME", help="Map to load first, such as 'suburb?style=17&parked=0.6'.")
    ] = "",
    maps: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="Folder of .xodr maps instead of ours; may be repeated.")
    ] = None,
    stand_in_towns: Annotated[
        bool, typer.Option("--stand-in-towns", help="Let maps of ours answer to the names of CARLA's towns.")
    ] = False,
    assets: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of meshes (.glb, .gltf, .obj), each with a sidecar.")
    ] = None,
    recordings: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder where clients' recordings lie.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for other machines.")] = "127.0.0.1",
    verbose: Annotated[bool, typer.Option("--verbose", help="Log every connection.")] = False,
) -> None:
    """Serve CARLA clients: scripts written for CARLA connect to it unchanged, and no graphics card is needed.

    Example: scanyard serve --map downtown
    """
    from scanyard.carla_server.__main__ import leave, main

    arguments = [f"-carla-rpc-port={port}", f"--host={host}", f"--map={town or first_map(maps, stand_in_towns)}"]
    if port == 0:
        arguments.append("-carla-streaming-port=0")
    arguments += [f"--maps={folder}" for folder in maps or ()]
    arguments += [f"--assets={assets}"] if assets is not None else []
    arguments += [f"--recordings={recordings}"] if recordings is not None else []
    arguments += ["--stand-in-towns"] if stand_in_towns else []
    arguments += ["--verbose"] if verbose else []
    leave(main(arguments, welcome=_welcome))


def first_map(folders: list[Path] | None, stand_ins: bool) -> str:
    """The town to load where nobody asked for one; empty leaves it to the server."""
    return "" if folders or stand_ins else "downtown"


def _welcome(host: str, port: int, town: str) -> str:
    reach = "127.0.0.1" if host in {"0.0.0.0", "::"} else host
    return HOW_TO_CONNECT.format(town=town, host=host, port=port, reach=reach)
