"""Many writers and one sequence; the long version is ``tools/chaos_store``."""

from pathlib import Path

import pytest
from rival_writers import compete, stop_in_front_of_the_commit


def test_eight_writers_at_once_commit_once_and_other_content_is_refused(tmp_path: Path) -> None:
    rounds, wrong = compete(tmp_path, writers=8, rounds=6, advance=lambda _done, _total: None)
    assert rounds == 6
    assert not wrong


@pytest.mark.parametrize("same", [True, False], ids=["same", "other"])
def test_a_writer_that_was_cut_off_and_comes_back_overwrites_nothing(same: bool, tmp_path: Path) -> None:
    assert stop_in_front_of_the_commit(tmp_path, same=same) is None
