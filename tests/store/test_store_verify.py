"""``verify`` names what is wrong, and no reader takes damaged bytes for data."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from store_frames import dataset_at, frame_at, frames, info_named

from scanyard.errors import DamagedError, ScanyardError, StoreError
from scanyard.frame import Frame, Sweep
from scanyard.geometry import Transform
from scanyard.store import open_dataset, open_sequence, seal_dataset, verify, write_sequence
from scanyard.store.array_reader import ArrayReader
from scanyard.store.arrays import StoredFile
from scanyard.store.layout import _last_line
from scanyard.store.seal import Seal, read_seal


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dataset = dataset_at(tmp_path_factory.mktemp("pristine") / "d")
    for name in ("walk-0001", "walk-0002"):
        write_sequence(dataset, info_named(name), frames(3, points=500))
    return dataset


@pytest.fixture
def root(pristine: Path, tmp_path: Path) -> Path:
    """A dataset of two sequences, to be damaged."""
    return Path(shutil.copytree(pristine, tmp_path / "d"))


def stored_files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def flip(path: Path, position: int, mask: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= mask
    path.write_bytes(data)


def test_an_untouched_dataset_has_no_findings_and_reports_progress(root: Path) -> None:
    calls: list[tuple[int, int]] = []
    assert verify(root, lambda done, total: calls.append((done, total))) == []
    assert calls == sorted(calls)
    assert calls[-1][0] == calls[-1][1] > 0


def test_any_flipped_byte_is_found_in_the_file_it_is_in(tmp_path: Path) -> None:
    root = dataset_at(tmp_path)
    sweep = Sweep(np.ones((20, 3)), intensity=np.ones(20))
    write_sequence(root, info_named(), [Frame(0, Transform.identity(), {"top": sweep}, dont_care=np.ones((1, 4)))])
    rng = np.random.default_rng(0)
    for path in stored_files(root):
        original = path.read_bytes()
        for position in (0, len(original) - 1, int(rng.integers(len(original)))):
            flip(path, position, 1 << int(rng.integers(8)))
            assert path in {finding.path for finding in verify(root)}, f"byte {position} of {path} flipped unnoticed"
            path.write_bytes(original)


def test_a_flip_names_sequence_and_array(root: Path) -> None:
    shard = root / "sequences/walk-0002/lidar/top/intensity/c.0"
    flip(shard, 20)
    (finding,) = verify(root)
    assert (finding.sequence, finding.array, finding.path) == ("walk-0002", "lidar/top/intensity", shard)
    assert "walk-0002, lidar/top/intensity" in str(finding)


@pytest.mark.parametrize("damage", ["gone", "empty", "half", "short", "longer", "other"])
def test_verify_finds_and_readers_refuse_a_shard_that_is(damage: str, root: Path) -> None:
    shard = root / "sequences/walk-0001/lidar/top/points/c.0.0"
    data = shard.read_bytes()
    other = root / "sequences/walk-0001/boxes/center/c.0.0"
    if damage == "gone":
        shard.unlink()
    else:
        shard.write_bytes(
            {"empty": b"", "half": data[: len(data) // 2], "short": data[:-1], "longer": data + b"\0"}.get(
                damage, other.read_bytes()
            )
        )
    assert {(finding.sequence, finding.array) for finding in verify(root)} == {("walk-0001", "lidar/top/points")}
    with pytest.raises(DamagedError, match="points"):
        open_sequence(root, "walk-0001")


@pytest.mark.parametrize("damage", ["gone", "empty", "half", "flipped", "index"])
def test_damage_after_opening_is_an_error_and_never_zeros(damage: str, root: Path) -> None:
    stored = open_sequence(root, "walk-0001")
    shard = root / "sequences/walk-0001/lidar/top/points/c.0.0"
    data = shard.read_bytes()
    if damage == "gone":
        shard.unlink()
    elif damage == "flipped":
        flip(shard, 1000)
    elif damage == "index":
        flip(shard, len(data) - 10)
    else:
        shard.write_bytes(b"" if damage == "empty" else data[: len(data) // 2])
    with pytest.raises(DamagedError, match="points"):
        stored[0]


def test_flipped_payload_bytes_never_read_as_data(root: Path) -> None:
    stored = open_sequence(root, "walk-0001")
    shard = root / "sequences/walk-0001/lidar/top/points/c.0.0"
    data = shard.read_bytes()
    expected = stored[2].sweeps["top"].points.tobytes()
    for position in range(0, len(data), 211):
        flip(shard, position, 0x10)
        try:
            read = open_sequence(root, "walk-0001")[2].sweeps["top"].points.tobytes()
        except DamagedError:
            pass
        else:  # an unused byte: the index entries of chunks that do not exist
            assert read == expected
        shard.write_bytes(data)


def test_an_extra_file_is_found(root: Path) -> None:
    extra = root / "sequences/walk-0001/lidar/top/points/c.1.0"
    extra.write_bytes(b"x")
    stray = root / "sequences/walk-0002/notes"
    stray.mkdir()
    beside = root / "sequences/.DS_Store"
    beside.write_bytes(b"x")
    assert {(finding.sequence, finding.path) for finding in verify(root)} == {
        ("walk-0001", extra),
        ("walk-0002", stray),
        (None, beside),
    }
    assert len(open_dataset(root).sequences) == 2  # nothing sealed is wrong


def test_a_forged_but_consistent_file_is_found_by_its_values(root: Path) -> None:
    """Somebody rewrites an array with zarr, and the file's digest in the seal too."""
    folder = root / "sequences/walk-0001"
    array = zarr.open_array(folder / "boxes/center", mode="r+")
    array[0] = [1.0, 2.0, 3.0]
    seal = read_seal(folder)
    forged = {path: StoredFile.of((folder / path).read_bytes()) for path in seal.files}
    (folder / "seal.json").write_bytes(replace(seal, files=forged).to_bytes())
    (finding,) = verify(root)
    assert (finding.array, finding.problem) == ("boxes/center", "decodes to other values than were sealed")


def test_a_seal_with_changed_spaces_or_a_missing_field_is_damaged(root: Path) -> None:
    seal = root / "sequences/walk-0001/seal.json"
    original = seal.read_bytes()
    body = json.loads(original)
    del body["content"]["num_frames"]
    for damaged in (original.replace(b"\n ", b"\n  ", 1), json.dumps(body).encode(), b"{", b"[]", b"{}", b"\xff"):
        seal.write_bytes(damaged)
        assert [finding.sequence for finding in verify(root)] == ["walk-0001"]
        with pytest.raises(StoreError, match=r"seal\.json"):
            open_dataset(root)


def test_a_sequence_that_is_gone_is_missed_once_the_dataset_is_sealed(root: Path) -> None:
    seal_dataset(root)
    assert verify(root) == []
    shutil.rmtree(root / "sequences/walk-0001")
    (finding,) = verify(root)
    assert (finding.sequence, finding.problem) == ("walk-0001", "the sequence is gone")
    with pytest.raises(DamagedError, match="is gone"):
        open_dataset(root)


def test_an_older_seal_is_found_in_its_file(root: Path, tmp_path: Path) -> None:
    """It is sound in itself: only the dataset knows that it is not the one."""
    older = dataset_at(tmp_path / "older")
    write_sequence(older, info_named("walk-0001"), frames(2, points=500))
    seal_dataset(root)
    seal = root / "sequences" / "walk-0001" / "seal.json"
    seal.write_bytes((older / "sequences" / "walk-0001" / "seal.json").read_bytes())
    found = [finding for finding in verify(root) if finding.path == seal]
    assert [finding.sequence for finding in found] == ["walk-0001"]


def test_a_sealed_dataset_without_its_file_is_damaged_and_not_nothing(root: Path) -> None:
    seal_dataset(root)
    (root / "dataset.json").unlink()
    findings = [finding for finding in verify(root) if finding.path == root / "dataset.json"]
    assert findings
    with pytest.raises(StoreError, match=r"dataset\.json"):
        open_dataset(root)


def test_a_renamed_sequence_is_found(root: Path) -> None:
    (root / "sequences/walk-0001").rename(root / "sequences/walk-0003")
    (finding,) = verify(root)
    assert "walk-0001" in finding.problem
    assert finding.sequence == "walk-0003"


def test_a_sequence_without_a_seal_is_no_sequence(root: Path) -> None:
    (root / "sequences/walk-0001/seal.json").unlink()
    with pytest.raises(StoreError):
        open_sequence(root, "walk-0001")
    assert [finding.sequence for finding in verify(root)] == ["walk-0001"]


def test_verify_of_something_else_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(ScanyardError, match="no dataset"):
        verify(tmp_path)


@pytest.mark.filterwarnings("ignore:Numcodecs codecs")  # of images; see ``chunks``
def test_zarr_reads_every_array_as_sealed(root: Path) -> None:
    group = zarr.open_group(root / "sequences/walk-0001", mode="r")
    stored = open_sequence(root, "walk-0001")
    for path, array in stored.seal.arrays.items():
        found = group[path]
        assert isinstance(found, zarr.Array)
        assert (found.shape, found.dtype.name) == (array.shape, array.dtype)
        np.testing.assert_array_equal(found[:], stored.open().readers[path].read_all())
        (sharding,) = found.metadata.to_dict()["codecs"]
        last = sharding["configuration"]["codecs"][-1]  # for who reads or writes without us
        assert last["name"] == "crc32c" or last["configuration"]["checksum"] is True
    assert group["ego"].attrs["frame_names"] == ["000000", "000001", "000002"]
    assert group["boxes/category"].attrs["categories"] == list(stored.seal.categories)


OUTSIDE = ("../../../x", "/tmp/x", "a/../../x", "..", ".", "a\\..\\x", "a\nb", "", "x" * 300)


@pytest.mark.parametrize("part", ["file", "array", "sensor", "frame"])
@pytest.mark.parametrize("name", OUTSIDE)
def test_a_seal_whose_names_lead_elsewhere_is_refused_though_its_checksum_holds(
    part: str, name: str, root: Path
) -> None:
    folder = root / "sequences/walk-0001"
    seal = read_seal(folder)
    if part == "file":
        hostile = replace(seal, files={**seal.files, name: StoredFile.of(b"")})
    elif part == "array":
        hostile = replace(seal, arrays={**seal.arrays, name: seal.arrays["ego/timestamp_ns"]})
    elif part == "sensor":
        rig = replace(seal.info.rig, lidars=(replace(seal.info.rig.lidars[0], name=name),))
        hostile = replace(seal, info=replace(seal.info, rig=rig))
    else:
        hostile = replace(seal, frame_names=(name, *seal.frame_names[1:]))
    (folder / "seal.json").write_bytes(hostile.to_bytes())
    if (part, name) == ("frame", ""):  # frames need no name
        read_seal(folder)
        return
    with pytest.raises(DamagedError, match=rf"seal\.json: {part} .* trust nothing in it"):
        read_seal(folder)
    assert "trust nothing in it" in str(verify(root)[0])
    with pytest.raises(DamagedError, match="trust nothing in it"):
        _ = open_dataset(root).sequences["walk-0001"][0]


def with_array(seal: Seal, path: str, **changes: object) -> Seal:
    return replace(seal, arrays={**seal.arrays, path: replace(seal.arrays[path], **changes)})


POINTS, TIMES = "lidar/top/points", "ego/timestamp_ns"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda seal: replace(seal, info=replace(seal.info, licence=["CC0-1.0"])), "its licence is"),
        (lambda seal: replace(seal, info=replace(seal.info, domain=None)), "its domain is None"),
        (lambda seal: replace(seal, categories=(7, *seal.categories)), "its category is 7"),
        (lambda seal: replace(seal, files={**seal.files, "x": StoredFile("many", "ab")}), "file x: has 'many' bytes"),
        (lambda seal: replace(seal, files={**seal.files, "x": StoredFile(-1, "ab")}), "file x: has -1 bytes"),
        (lambda seal: with_array(seal, POINTS, dtype="object"), "its type is 'object'"),
        (lambda seal: with_array(seal, POINTS, dtype="nosuch"), "its type is 'nosuch'"),
        (lambda seal: with_array(seal, POINTS, dtype="<U9"), "its type is '<U9'"),
        (lambda seal: with_array(seal, POINTS, shape=()), "its shape is"),
        (lambda seal: with_array(seal, POINTS, shape=(1500.0, 3)), "its shape is"),
        (lambda seal: with_array(seal, POINTS, shape=(-1, 3)), "its shape is"),
        (lambda seal: with_array(seal, POINTS, shape=(10**12, 3)), "checksums"),
        (lambda seal: with_array(seal, POINTS, rows_per_chunk=0), "0 rows a chunk"),
        (lambda seal: with_array(seal, POINTS, rows_per_chunk="many"), "'many' rows a chunk"),
        (lambda seal: with_array(seal, POINTS, rows_per_chunk=10**12, shape=(10**12, 3)), "more than codecs take"),
        (lambda seal: with_array(seal, POINTS, codec="zip"), "packed as 'zip'"),
        (lambda seal: with_array(seal, TIMES, shape=(2,)), "has 2 rows, 3 frames need 3"),
        (lambda seal: with_array(seal, "lidar/top/offsets", shape=(3,)), "has 3 rows, 3 frames need 4"),
        (lambda seal: with_array(seal, "boxes/present", shape=(2,)), "has 2 rows, 3 frames need 3"),
        (lambda seal: replace(seal, num_frames=10**12), "says 1000000000000 frames and names 3"),
        (lambda seal: replace(seal, arrays={TIMES: seal.arrays[TIMES]}), "has no array ego/world_from_ego"),
        (
            lambda seal: replace(seal, arrays={k: v for k, v in seal.arrays.items() if k != "boxes/offsets"}),
            "has no array boxes/offsets",
        ),
    ],
)
def test_a_seal_that_nobody_could_mean_is_refused_though_its_checksum_holds(
    change: Callable[[Seal], Seal], complaint: str, root: Path
) -> None:
    path = root / "sequences/walk-0001/seal.json"
    path.write_bytes(change(read_seal(path.parent)).to_bytes())
    with pytest.raises(DamagedError, match=complaint):
        dataset = open_dataset(root)
        _ = dataset.licence, dataset.domain, dataset.sequences["walk-0001"][0]
    assert complaint in str(verify(root)[0])


@pytest.mark.parametrize("value", [[3.0], [], 7, None, [1e400, 2.0]])
def test_a_rig_that_cannot_be_is_damage(value: object, root: Path) -> None:
    path = root / "sequences/walk-0001/seal.json"
    body = json.loads(path.read_bytes())
    del body["self_sha256"]
    body["content"]["info"]["rig"]["cameras"][0]["center_px"] = value
    path.write_bytes(json.dumps(body).encode())
    with pytest.raises(DamagedError, match=r"seal\.json: "):
        read_seal(path.parent)


def test_rows_that_do_not_fit_into_memory_are_said(root: Path) -> None:
    seal = read_seal(root / "sequences/walk-0001")
    huge = replace(seal.arrays[POINTS], shape=(2**56, 3))
    with pytest.raises(DamagedError, match="points: its 72057594037927936 rows do not fit into memory"):
        ArrayReader(root / "sequences/walk-0001" / POINTS, huge).read_all()


def test_our_reader_and_zarr_s_are_shown_the_same_values(root: Path, tmp_path: Path) -> None:
    """The digest covers values: which shard they are in is said twice, by the seal and by ``zarr.json``."""
    forged = dataset_at(tmp_path / "forged")
    write_sequence(forged, info_named("walk-0001"), [frame_at(index + 7, points=500) for index in range(3)])
    folder, other = root / "sequences/walk-0001", forged / "sequences/walk-0001"
    path, seal, others = "lidar/top/intensity", read_seal(folder), read_seal(other)
    (folder / path / "c").mkdir()
    metadata = json.loads((folder / path / "zarr.json").read_bytes())
    metadata["chunk_key_encoding"]["configuration"]["separator"] = "/"
    (folder / path / "zarr.json").write_text(json.dumps(metadata))
    (folder / path / "c.0").rename(folder / path / "c/0")
    shutil.copy(other / path / "c.0", folder / path / "c.0")
    files = {name: StoredFile.at(folder / name) for name in (*seal.files, f"{path}/c/0")}
    arrays = {**seal.arrays, path: replace(others.arrays[path], sha256=seal.arrays[path].sha256)}
    (folder / "seal.json").write_bytes(replace(seal, files=files, arrays=arrays).to_bytes())
    assert read_seal(folder).digest == seal.digest
    (finding,) = verify(root)
    assert finding.array == path
    assert finding.problem == "is read as other values than were sealed"


@pytest.mark.parametrize("line", [b'\n   "domain": "real",', b'\n   "licence": "CC0-1.0",'])
def test_what_a_seal_says_twice_is_found(line: bytes, root: Path) -> None:
    """Who reads the first would be told another thing than who reads the last."""
    path = root / "sequences/walk-0001/seal.json"
    text = path.read_bytes()[: -len(_last_line(b""))]
    key = line.partition(b":")[0]
    said_twice = text.replace(key, line + key, 1)
    assert len(said_twice) > len(text)
    path.write_bytes(said_twice + _last_line(said_twice))
    assert open_dataset(root).sequences["walk-0001"].summary is not None
    assert [str(one.path) for one in verify(root)] == [str(path)]


def test_a_seal_that_nobody_could_have_written_is_a_finding_beside_others(root: Path) -> None:
    path = root / "sequences/walk-0001/seal.json"
    text = path.read_bytes()[: -len(_last_line(b""))]
    record = b'\n "record": {'
    forged = text.replace(record, record + b'\n  "a": 1e999,', 1)
    assert len(forged) > len(text)
    path.write_bytes(forged + _last_line(forged))
    (root / "sequences/walk-0002/boxes/center/c.0.0").unlink()
    assert {one.sequence for one in verify(root)} == {"walk-0001", "walk-0002"}
