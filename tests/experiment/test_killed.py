"""An experiment that is killed outright, not asked to stop, goes on where it was and repeats no finished run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from scanyard.experiment import load_recipe, run
from tests.experiment.test_experiment_run import CountingTrainer, here

ROOT = Path(__file__).parents[2]
DRIVER = """
import sys, time
from pathlib import Path
from scanyard.experiment import load_recipe, run
from tests.experiment.test_experiment_run import CountingTrainer, here

class Slow(CountingTrainer):
    def __call__(self, sources, recipe, **options):
        if len(self.calls) == 1:
            Path(sys.argv[3]).touch()
            time.sleep(600)
        return super().__call__(sources, recipe, **options)

given = {name: Path(sys.argv[4]) / name for name in ("synthetic", "real")}
run(load_recipe(sys.argv[1]), sys.argv[2], datasets=given, execute=here(Slow()))
"""


def test_after_a_kill_no_finished_run_is_repeated_and_the_rest_is_done(
    recipe_with: Callable[..., Path], datasets: Path, tmp_path: Path
) -> None:
    recipe, out, in_second = recipe_with(), tmp_path / "out", tmp_path / "in_second"
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(recipe), str(out), str(in_second), str(datasets)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
    )
    while not in_second.exists():
        assert driver.poll() is None, "it ended before its second arm"
        time.sleep(0.05)
    driver.send_signal(signal.SIGKILL)
    assert driver.wait() == -signal.SIGKILL
    (kept,) = out.glob("runs/*/result.json")
    written = kept.stat().st_mtime_ns
    assert not (out / "entries.json").exists()

    trainer = CountingTrainer()
    given = {name: datasets / name for name in ("synthetic", "real")}
    entries = run(load_recipe(recipe), out, datasets=given, execute=here(trainer))
    assert [entry.arm for entry in entries] == ["synthetic", "real", "mixed"]
    assert kept.parent.name.startswith("synthetic-")
    assert len(trainer.calls) == 3  # real, and both stages of mixed
    assert kept.stat().st_mtime_ns == written
