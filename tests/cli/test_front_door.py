"""The front door: quick help, an example everywhere, and one clear line with exit code 2 for whatever is wrong."""

import itertools
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from scanyard.cli.app import app
from scanyard.cli.generate import on_one_card, parse_seeds, quarantine
from scanyard.errors import InputError
from scanyard.fleet.outcome import Failed, Recorded
from scanyard.fleet.progress import Progress
from scanyard.fleet.settings import Settings

ROOT = Path(__file__).parents[2]
SCANYARD = [sys.executable, "-m", "scanyard"]


def run(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SCANYARD, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )


def commands() -> list[str]:
    found = []

    def walk(command: object, path: list[str]) -> None:
        children = getattr(command, "commands", None)
        if children is None:
            found.append(" ".join(path))
            return
        for name, child in children.items():
            walk(child, [*path, name])

    walk(get_command(app), [])
    return found


@pytest.mark.parametrize("command", commands())
def test_every_command_has_help_with_an_example(command: str) -> None:
    runner = CliRunner()
    result = runner.invoke(app, [*command.split(), "--help"])
    assert result.exit_code == 0
    assert f"Example: scanyard {command}" in " ".join(result.output.split())


@pytest.mark.parametrize("command", commands())
def test_every_command_is_named_in_the_readme(command: str) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert command.split(maxsplit=1)[0] in text
    assert command.rsplit(maxsplit=1)[-1] in text


def test_help_answers_at_once() -> None:
    def seconds_used() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return children.ru_utime + children.ru_stime

    before = seconds_used()  # processor time: other tests may keep the machine busy
    assert run("--help").returncode == 0
    assert seconds_used() - before < 0.5


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from scanyard.cli.app import app;"
        "print(sorted({'torch', 'ray', 'zarr', 'carla', 'open3d', 'numpy', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


LEVELS = "abcdefghij"
ALIAS_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in itertools.pairwise(LEVELS)
)
BAD_YAML = {
    "unknown key": ("nmae: x\n", "nmae"),
    "wrong type": ("name: [1]\n", "name"),
    "duplicate key": ("name: a\nname: b\n", "name"),
    "not a number": ("name: a\nego: {speed_mps: .nan}\n", "speed_mps"),
    "deep nesting": ("[" * 60_000, "deep"),
    "alias bomb": (ALIAS_BOMB, "alias"),
}


@pytest.mark.parametrize(("text", "names"), BAD_YAML.values(), ids=BAD_YAML.keys())
def test_bad_yaml_is_one_message_and_exit_code_2(tmp_path: Path, text: str, names: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    done = run("simulate", path, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "bad.yaml" in done.stderr
    assert names in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_missing_scenario_folder_is_said(tmp_path: Path) -> None:
    done = run("simulate", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_no_dataset_is_said(tmp_path: Path) -> None:
    for arguments in (["verify", tmp_path], ["train", tmp_path, "--out", tmp_path / "x.safetensors"]):
        done = run(*arguments)
        assert done.returncode == 2
        assert "dataset.json" in done.stderr
        assert "Traceback" not in done.stderr


def test_kitti_with_a_cut_label_imports_nothing(tmp_path: Path) -> None:
    training = tmp_path / "training"
    for folder in ("velodyne", "label_2", "calib"):
        (training / folder).mkdir(parents=True)
    (training / "velodyne" / "000000.bin").write_bytes(b"\0" * 32)
    (training / "label_2" / "000000.txt").write_text("Car 0 0 0 1 2 3\n", encoding="utf-8")
    done = run("import", "kitti", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "000000.txt" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_server_on_a_port_in_use_says_so_and_exits_2() -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "scanyard.carla_server", f"-carla-rpc-port={port}", "--maps", "scenarios/maps"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unwritable_place_is_said(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder", encoding="utf-8")
    done = run("simulate", "scenarios/cut_in_short_gap.yaml", "--out", blocked / "out")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert str(blocked) in done.stderr


def test_seeds_are_first_to_end_without_the_end() -> None:
    assert list(parse_seeds("0:4")) == [0, 1, 2, 3]
    assert list(parse_seeds("7")) == [7]
    for wrong in ("4:4", "a:b", "-1", "1:2:3"):
        with pytest.raises(InputError, match="--seeds"):
            parse_seeds(wrong)


def test_the_environment_needs_no_home(tmp_path: Path) -> None:
    bare = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [*SCANYARD, "scenario", "preview", ROOT / "scenarios" / "wrong_way_car.yaml", "-o", tmp_path / "p.png"],
        cwd=ROOT,
        env=bare,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "p.png").is_file()


@pytest.mark.parametrize(
    ("carla", "gpus", "adapters", "warns"),
    [
        ("/opt/carla/CarlaUE4.sh", 1.0, (), True),
        ("container:carlasim/carla:0.9.16", 0.5, (), True),
        ("/opt/carla/CarlaUE4.sh", 1.0, (0, 1), False),
        ("/opt/carla/CarlaUE4.sh", 0.0, (), False),
        ("10.0.0.1:2000", 1.0, (), False),
        (None, 1.0, (), False),
    ],
)
def test_servers_that_would_all_render_on_the_first_card_are_warned_of(
    carla: str | None, gpus: float, adapters: tuple[int, ...], warns: bool
) -> None:
    said = on_one_card(Settings("data", "maps", carla=carla, gpus=gpus, adapters=adapters))
    assert (said is not None) == warns
    assert not warns or "name the cards, such as --adapters 0,1" in str(said)


def test_where_nothing_was_sealed_the_machine_may_be_at_fault_instead_of_what_is_quarantined() -> None:
    failed = Failed("a-1", "a", 1, "it died", "server_crashed", retry=True)
    progress = Progress(2, quarantined=[failed])
    first, below = quarantine(progress).splitlines()
    assert first.startswith("1 of 2 scenarios are quarantined, and nothing was sealed, so the machine may be at fault")
    assert below == "  a-1: server_crashed: it died"
    progress.add(Recorded("b-1", "", 1, 1, 1, 1.0))
    assert quarantine(progress).startswith("1 of 2 scenarios are quarantined, the others are sealed:")
