"""Limits come from YAML, and what is wrong in it is said with file, line and key."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from scanyard.errors import ScenarioError
from scanyard.fleet.limits import Limits, load_limits


def test_what_a_file_does_not_say_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "limits.yaml"
    path.write_text("tick_s: 10.0\nscenes: 50\ngpu_memory_mb: 20000.0\n")
    limits = load_limits(path)
    assert (limits.tick_s, limits.scenes, limits.gpu_memory_mb) == (10.0, 50, 20000.0)
    assert limits.start_s == Limits().start_s


def test_a_limit_that_is_none_is_said_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "limits.yaml"
    path.write_text("tick_s: 10.0\nscene: 50\n")
    with pytest.raises(ScenarioError, match=r"limits.yaml, line 2|limits.yaml:2") as caught:
        load_limits(path)
    assert "scenes" in str(caught.value)


@pytest.mark.parametrize("wrong", [{"tick_s": 0.0}, {"scenes": 0}, {"irregular_packets": -1}, {"stop_s": -2.0}])
def test_impossible_limits_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Limits(**wrong)  # type: ignore[arg-type]  # on purpose


def test_the_client_s_part_is_handed_on() -> None:
    limits = Limits(tick_s=7.0, load_s=70.0, late_s=1.0, irregular_packets=3, warm_up_ticks=9)
    patience = limits.patience
    assert (patience.call_s, patience.load_s, patience.late_s) == (7.0, 70.0, 1.0)
    assert (patience.irregular_packets, patience.warm_up_ticks) == (3, 9)
