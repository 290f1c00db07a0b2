"""Layouts from other people with one value gone or of another kind: read, or refused by name, never a traceback."""

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exchanged import recording
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanyard.datasets import argoverse2, argoverse2_write, mmdet3d, nuscenes, nuscenes_write, openpcdet
from scanyard.datasets.feather import read_table, write_table
from scanyard.datasets.nuscenes_tables import TABLES
from scanyard.datasets.nuscenes_write import DEFAULT_VERSION
from scanyard.errors import FormatError, StoreError

STRANGE: list[Any] = [None, "", "x", -1, 1e300, [], {}, [1], {"a": 1}, True, float("nan")]
GONE = object()
draws = st.randoms(use_true_random=False)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def damaged(value: Any, random: Any) -> Any:
    """The same JSON value with one thing in it gone or replaced."""
    value = copy.deepcopy(value)
    place, key = None, None
    here = value
    while isinstance(here, dict | list) and here and (place is None or random.random() < 0.85):
        place, key = here, random.choice(list(here) if isinstance(here, dict) else range(len(here)))
        here = place[key]
    strange = random.choice([GONE, *STRANGE])
    if place is None:
        return None if strange is GONE else strange
    if strange is GONE:
        del place[key]
    else:
        place[key] = strange
    return value


def read_all(read: Callable[[], Any]) -> None:
    try:
        for sequence in read():
            for frame in sequence:
                assert frame.world_from_ego.matrix.shape == (4, 4)
    except (FormatError, StoreError) as error:
        assert str(error)


@pytest.fixture(scope="module")
def nuscenes_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("n") / "out"
    nuscenes_write.write_dataset(root, [recording(1, frames=2)])
    return root


@quick
@given(random=draws, table=st.sampled_from(TABLES), ours=st.booleans())
def test_a_damaged_nuscenes_table(nuscenes_root: Path, random: Any, table: str, ours: bool) -> None:
    path = nuscenes_root / DEFAULT_VERSION / f"{table}.json"
    whole, note = path.read_text(), nuscenes_root / "scanyard.json"
    said = note.read_text()
    try:
        path.write_text(json.dumps(damaged(json.loads(whole), random)))
        if not ours:
            note.unlink()
        read_all(lambda: nuscenes.read_sequences(nuscenes_root))
    finally:
        path.write_text(whole)
        note.write_text(said)


@quick
@given(random=draws)
def test_a_damaged_note_of_ours(nuscenes_root: Path, random: Any) -> None:
    note = nuscenes_root / "scanyard.json"
    said = note.read_text()
    try:
        note.write_text(json.dumps(damaged(json.loads(said), random)))
        read_all(lambda: nuscenes.read_sequences(nuscenes_root))
    finally:
        note.write_text(said)


@quick
@given(random=draws, ours=st.booleans())
def test_a_damaged_info_file(tmp_path: Path, random: Any, ours: bool) -> None:
    root = tmp_path / "m"
    if not root.exists():
        mmdet3d.write_dataset(root, [recording(2, frames=2)])
    path, note = root / "custom_infos_train.pkl", root / "scanyard.json"
    whole, said = path.read_bytes(), note.read_text()
    try:
        path.write_bytes(pickle.dumps(damaged(pickle.loads(whole), random)))
        if not ours:
            note.unlink()
        read_all(lambda: mmdet3d.read_sequences(root))
    finally:
        path.write_bytes(whole)
        note.write_text(said)


@quick
@given(random=draws, ours=st.booleans())
def test_a_damaged_table_of_argoverse(tmp_path: Path, random: Any, ours: bool) -> None:
    """A column gone, of another type, or with a value that cannot be."""
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'scanyard[argoverse2]'")
    root = tmp_path / "v"
    if not root.exists():
        argoverse2_write.write_dataset(root, [recording(4, frames=2)])
    path, note = random.choice(sorted(root.glob("**/*.feather"))), root / "scanyard.json"
    whole, said = path.read_bytes(), note.read_text()
    try:
        columns: dict[str, Any] = read_table(path, [])
        name = random.choice(sorted(columns))
        length = len(columns[name])
        strange = [None, ["x"] * length, np.full(length, -1), np.zeros(length), np.full(length, np.nan), [b""] * length]
        columns[name] = random.choice(strange)
        write_table(path, {key: values for key, values in columns.items() if values is not None})
        if not ours:
            note.unlink()
        read_all(lambda: argoverse2.read_sequences(root))
    finally:
        path.write_bytes(whole)
        note.write_text(said)


@quick
@given(random=draws)
def test_a_damaged_cloud_or_label_of_openpcdet(tmp_path: Path, random: Any) -> None:
    root = tmp_path / "o"
    if not root.exists():
        openpcdet.write_dataset(root, [recording(3, frames=2)])
    path = root / random.choice(["points/000000.npy", "labels/000000.txt", "ImageSets/train.txt", "scanyard.json"])
    whole = path.read_bytes()
    spoilt = bytearray(whole)
    for _ in range(random.randint(1, 3)):
        spoilt[random.randrange(len(spoilt))] = random.randrange(256)
    try:
        path.write_bytes(bytes(spoilt[: random.choice([len(spoilt), random.randrange(len(spoilt))])]))
        read_all(lambda: openpcdet.read_sequences(root))
    finally:
        path.write_bytes(whole)
    assert np.load(root / "points/000000.npy").shape[1] == 4
