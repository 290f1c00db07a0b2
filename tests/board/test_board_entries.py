"""Entries, their order and their database."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from scanyard.board import DataDeclaration, Entry, add_entries, boards, rank, read_entries
from scanyard.errors import EvaluationError, InputError, StoreError
from scanyard.evaluation import Evaluation, Score


def entry_scoring(
    value: float, low: float | None = None, high: float | None = None, *, arm: str = "real", split: str = "real_test"
) -> Entry:
    scores = tuple(
        Score(metric, "car", "moderate", iou, value, low, high, 90) for metric in ("bev", "3d") for iou in (0.5, 0.7)
    )
    return Entry(
        detector="pillars",
        arm=arm,
        trained_on={"real_train": "real"},
        evaluated_on=split,
        evaluation=Evaluation("kitti_r40", split, "real", 36, 16, 0.9, scores),
        steps=900,
        seeds=(0,),
        single_run=True,
        declaration=DataDeclaration(("kitti",), 0.0, "none", ("CC-BY-NC-SA-3.0",), 75),
        datasets={"kitti": "ab" * 32},
        provenance={"scanyard": "0.1.0"},
    )


def test_an_entry_survives_a_round_trip_through_json_values() -> None:
    entry = entry_scoring(75.0, 60.0, 83.0)
    assert Entry.from_dict(entry.to_dict()) == entry


def test_provenance_does_not_change_the_digest_and_a_score_does() -> None:
    entry = entry_scoring(75.0)
    assert replace(entry, provenance={"host": "elsewhere"}).digest == entry.digest
    assert entry_scoring(75.1).digest != entry.digest


@pytest.mark.parametrize("name", ["sources", "synthetic_share", "pretraining", "licences", "label_budget"])
def test_a_missing_declaration_field_refuses_the_entry_and_is_named(name: str) -> None:
    data = entry_scoring(75.0).to_dict()
    del data["declaration"][name]
    with pytest.raises(InputError, match=name):
        Entry.from_dict(data)


@pytest.mark.parametrize(
    "change", [{"sources": ()}, {"pretraining": ""}, {"licences": ()}, {"synthetic_share": 1.5}, {"label_budget": -1}]
)
def test_an_empty_or_impossible_declaration_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(change))):
        replace(entry_scoring(75.0).declaration, **change)


def test_an_undeclared_entry_and_an_unknown_declaration_are_refused() -> None:
    data = entry_scoring(75.0).to_dict()
    with pytest.raises(InputError, match="declaration"):
        Entry.from_dict({name: value for name, value in data.items() if name != "declaration"})
    data["declaration"]["gpu_hours"] = 3
    with pytest.raises(InputError, match="gpu_hours"):
        Entry.from_dict(data)


def test_equal_scores_share_a_rank_and_the_next_counts_them() -> None:
    entries = [entry_scoring(value, arm=arm) for value, arm in ((70.0, "c"), (80.0, "b"), (80.0, "a"))]
    assert [(ranked.entry.arm, ranked.rank) for ranked in rank(entries)] == [("a", 1), ("b", 1), ("c", 3)]


def test_rank_ranges_follow_the_intervals() -> None:
    best = entry_scoring(90.0, 85.0, 95.0, arm="best")
    middle = entry_scoring(80.0, 75.0, 86.0, arm="middle")
    last = entry_scoring(60.0, 50.0, 70.0, arm="last")
    ranges = {r.entry.arm: (r.best_rank, r.worst_rank) for r in rank([last, middle, best])}
    assert ranges == {"best": (1, 2), "middle": (1, 2), "last": (3, 3)}


def test_an_entry_without_an_interval_may_stand_anywhere() -> None:
    ranges = {r.entry.arm: (r.best_rank, r.worst_rank) for r in rank([entry_scoring(90.0, 85.0, 95.0),
                                                                      entry_scoring(10.0, arm="bare")])}  # fmt: skip
    assert ranges == {"real": (1, 2), "bare": (1, 2)}


def test_entries_of_different_tests_are_never_ranked_together() -> None:
    entries = [entry_scoring(90.0), entry_scoring(80.0, split="other_test")]
    with pytest.raises(EvaluationError, match="other_test"):
        rank(entries)
    assert len(boards(entries)) == 2


def test_other_frames_under_the_same_name_get_their_own_board() -> None:
    entry = entry_scoring(90.0)
    other = replace(entry, evaluation=replace(entry.evaluation, num_frames=12))
    assert [name for name, _, _ in boards([entry, other])] == ["real_test #1", "real_test #2"]


def test_adding_twice_leaves_one_row(tmp_path: Path) -> None:
    db = tmp_path / "board.sqlite"
    entry = entry_scoring(75.0, 60.0, 83.0)
    assert add_entries(db, [entry, entry]) == 1
    assert add_entries(db, [replace(entry, provenance={}), entry_scoring(70.0)]) == 1
    assert read_entries(db) == [entry, entry_scoring(70.0)]


def test_the_database_uses_write_ahead_logging_and_carries_its_version(tmp_path: Path) -> None:
    db = tmp_path / "board.sqlite"
    add_entries(db, [entry_scoring(75.0)])
    connection = sqlite3.connect(db)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="schema 99"):
        read_entries(db)


def test_a_file_that_is_no_board_is_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a database, and long enough that SQLite looks at its header" * 10)
    with pytest.raises(StoreError, match=r"notes\.txt"):
        add_entries(text, [entry_scoring(75.0)])
    other = tmp_path / "other.sqlite"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE mine (x)")
    connection.close()
    with pytest.raises(StoreError, match="not a leaderboard"):
        add_entries(other, [entry_scoring(75.0)])
    with pytest.raises(StoreError, match="no leaderboard there"):
        read_entries(tmp_path / "absent.sqlite")


def test_a_failed_addition_leaves_nothing_behind(tmp_path: Path) -> None:
    db = tmp_path / "board.sqlite"
    bad = replace(entry_scoring(75.0), provenance={"not json": {1, 2}})
    with pytest.raises(TypeError):
        add_entries(db, [entry_scoring(70.0), bad])
    assert not db.exists()
