"""A dataset in a bucket is the dataset that was sealed, or an error; of many writers one commits."""

import errno
import multiprocessing
import pickle
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import obstore
import pytest
from bucket_server import NAME, Server, serving
from localbucket import S3Error
from store_frames import assert_same_frame, dataset_at, frame_at, frames, info_named
from typer.testing import CliRunner

from scanyard.boxes import Boxes
from scanyard.cli.app import app
from scanyard.errors import DamagedError, DeterminismError, EnvironmentFault, InputError, LicenceError, StoreError
from scanyard.frame import Frame, Sweep
from scanyard.store import create_dataset, fetch, open_dataset, open_sequence, place_of, publish, seal_dataset, verify
from scanyard.store import write_sequence as write
from scanyard.store.bucket import Bucket
from scanyard.store.disk import Disk
from scanyard.store.layout import DATASET_FILE, SEAL_FILE
from scanyard.store.place import BucketPath
from scanyard.store.provenance import LOG_FILE


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ACCESS_KEY_ID": "id", "SECRET_ACCESS_KEY": "secret", "REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "served") as running:
        yield running


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sealed(tmp_path_factory.mktemp("recorded") / "d", "a", "b")


@pytest.fixture
def root(recorded: Path, tmp_path: Path) -> Path:
    return shutil.copytree(recorded, tmp_path / "d")


def small(index: int) -> Frame:
    """A frame in few arrays: each is two objects, and each object some requests."""
    whole = frame_at(index, points=20, boxes=1, image=False)
    sweep, boxes = whole.sweeps["top"], whole.boxes
    assert boxes is not None
    few = Boxes(boxes.center, boxes.size, boxes.yaw_rad, boxes.category)
    return whole.replace(sweeps={"top": Sweep(sweep.points, sweep.intensity)}, boxes=few, dont_care=None)


def sealed(folder: Path, *names: str, first: int = 0) -> Path:
    """A dataset whose sequences have two frames each; another ``first`` makes others of the same names."""
    for number, name in enumerate(names):
        write(dataset_at(folder), info_named(name), [small(first + 10 * number + index) for index in range(2)])
    seal_dataset(folder)
    return folder


def test_the_server_of_these_tests_puts_on_condition_as_s3_does(server: Server) -> None:
    bucket = server.at().bucket
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda number: bucket.create("claim", b"%d" % number), range(8)))
    assert sum(won) == 1
    assert bucket.read("claim") == b"%d" % won.index(True)
    assert not bucket.create("claim", b"late")
    assert bucket.read("claim") == b"%d" % won.index(True)
    seen = bucket.version("claim")
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda number: bucket.replace("claim", b"next %d" % number, seen), range(8)))
    assert sum(won) == 1
    assert bucket.read("claim") == b"next %d" % won.index(True)
    assert bucket.version("none") is None
    assert bucket.replace("none", b"first", None)
    assert not bucket.replace("none", b"second", None)
    bucket.delete("none")
    assert not bucket.replace("none", b"third", seen)


def test_what_is_read_from_a_bucket_is_what_was_sealed(server: Server, root: Path) -> None:
    write(root, info_named("whole"), frames(2))  # with every column there is
    seal_dataset(root)
    brought = publish(root, server.at())
    assert (brought.new, brought.known) == (("a", "b", "whole"), ())
    found = open_dataset(server.at())
    assert found.digest == open_dataset(root).digest
    assert found.header == open_dataset(root).header
    for name, sequence in found.sequences.items():
        for frame, expected in zip(sequence, open_sequence(root, name), strict=True):
            assert_same_frame(frame, expected)
    assert pickle.loads(pickle.dumps(found.sequences["a"])) == found.sequences["a"]
    assert verify(server.at()) == []


def test_publishing_again_changes_nothing_and_takes_what_is_new(server: Server, root: Path, tmp_path: Path) -> None:
    publish(root, server.at())
    before = server.contents()
    old = shutil.copytree(root, tmp_path / "old")
    assert publish(root, server.at()).known == ("a", "b")
    assert server.contents() == before
    sealed(root, "a", "b", "c")
    assert publish(root, server.at()).new == ("c",)
    assert open_dataset(server.at()).header == open_dataset(root).header
    assert publish(old, server.at()).new == ()  # which takes nothing back
    assert open_dataset(server.at()).header == open_dataset(root).header
    assert verify(server.at()) == []


@pytest.mark.parametrize("puts", [0, 1, 30, -2, -1])
def test_a_writer_cut_off_leaves_whole_sequences_and_the_next_goes_on(server: Server, root: Path, puts: int) -> None:
    of_sequences = sum(len(one.seal.files) + 1 for one in open_dataset(root).sequences.values())
    everything = of_sequences + 5  # header, header in vain twice, log, header
    server.puts_left = puts if puts >= 0 else everything + puts
    with pytest.raises(StoreError, match="refuses access"):
        publish(root, server.at())
    if puts:
        there = open_dataset(server.at())
        assert set(there.sequences) <= {"a", "b"}
        assert there.header.sequences is None
        assert verify(server.at()) == []
    else:
        with pytest.raises(StoreError, match=r"holds no dataset\.json"):
            open_dataset(server.at())
    server.puts_left = None
    publish(root, server.at())
    assert verify(server.at()) == []
    assert open_dataset(server.at()).header == open_dataset(root).header


def test_without_its_seal_a_sequence_is_absent(server: Server, root: Path) -> None:
    create_dataset(root.parent / "e", name="test", licence="CC0-1.0")
    write(root.parent / "e", info_named("a"), [small(0)])
    publish(root.parent / "e", server.at())
    (server.files / "d/sequences/a" / SEAL_FILE).unlink()
    assert open_dataset(server.at()).sequences == {}
    with pytest.raises(StoreError, match="no sequence 'a'; there are none"):
        open_sequence(server.at(), "a")
    assert verify(server.at()) == []


def test_of_eight_writers_with_eight_recordings_one_commits_and_is_read(server: Server, tmp_path: Path) -> None:
    roots = []
    for number in range(8):
        roots.append(dataset_at(tmp_path / str(number)))
        write(roots[-1], info_named("a"), [small(number)])

    def claim(root: Path) -> bool:
        try:
            return publish(root, server.at()).new == ("a",)
        except DeterminismError:
            return False

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(claim, roots))
    assert sum(won) == 1
    assert verify(server.at()) == []
    assert_same_frame(open_sequence(server.at(), "a")[0], small(won.index(True)))
    winner = open_sequence(server.at(), "a")
    files = winner.seal.files_in(winner.folder)
    kept = {str(files / file).removeprefix("s3://lab/") for file in winner.seal.files}
    assert {key for key in server.contents() if key.startswith("d/files/")} == kept  # the others' nobody would read


def test_of_four_writers_with_one_recording_all_are_content(server: Server, tmp_path: Path) -> None:
    roots = []
    for number in range(4):  # which differ in when they were written, and so do their seals
        roots.append(dataset_at(tmp_path / str(number)))
        write(roots[-1], info_named("a"), [small(0)], record={"attempt": number})
    with ThreadPoolExecutor(4) as pool:
        brought = list(pool.map(lambda root: publish(root, server.at()), roots))
    assert sum(len(one.new) for one in brought) == 1
    assert sum(len(one.known) for one in brought) == 3
    assert verify(server.at()) == []


def test_a_late_writer_overwrites_nothing(server: Server, root: Path, tmp_path: Path) -> None:
    publish(root, server.at())
    before = server.contents()
    with pytest.raises(DeterminismError, match=r"sequences/a: is committed with digest .* nothing was overwritten"):
        publish(sealed(tmp_path / "late", "a", first=5), server.at())
    assert server.contents() == before


def test_bytes_that_the_store_spoils_are_not_sealed(server: Server, root: Path) -> None:
    server.spoils_puts = True
    with pytest.raises(DamagedError, match="read back other bytes than were put"):
        publish(root, server.at())
    assert open_dataset(server.at()).sequences == {}
    server.spoils_puts = False
    publish(root, server.at())  # and what lay there spoilt, of the right size, is put again
    assert verify(server.at()) == []


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone", "swapped"])
def test_damaged_objects_are_refused_and_named(server: Server, root: Path, damage: str) -> None:
    publish(root, server.at())
    shard, other = (next(server.files.glob(f"d/files/{name}/*/lidar/top/points/c.0.0")) for name in ("a", "b"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 3] ^= 4
    changed = {"flipped": bytes(data), "cut": bytes(data[:-1]), "swapped": other.read_bytes()}
    shard.unlink() if damage == "gone" else shard.write_bytes(changed[damage])
    with pytest.raises(DamagedError, match="lidar/top/points"):
        open_sequence(server.at(), "a")[0]
    assert {(one.sequence, one.array) for one in verify(server.at())} == {("a", "lidar/top/points")}
    with pytest.raises(DamagedError, match="lidar/top/points"):
        fetch(server.at(), root.parent / "fetched")
    assert_same_frame(open_sequence(server.at(), "b")[0], small(10))


def test_a_changed_seal_or_stray_object_is_found(server: Server, root: Path) -> None:
    publish(root, server.at())
    (server.files / "d/sequences/b/notes.txt").write_text("mine")
    assert [one.problem for one in verify(server.at())] == ["is no sequence"]
    seal = server.files / "d/sequences/a" / SEAL_FILE
    seal.write_bytes(seal.read_bytes().replace(b"walk", b"work").replace(b"world-1", b"world-2"))
    with pytest.raises(DamagedError, match="do not match its own checksum"):
        open_dataset(server.at())


def test_a_store_that_is_overwhelmed_or_breaks_off_is_asked_again(server: Server, root: Path) -> None:
    server.unavailable_every, server.cut_every = 40, 15
    publish(root, server.at())
    found = open_sequence(server.at(), "b")
    for frame, expected in zip(found, open_sequence(root, "b"), strict=True):
        assert_same_frame(frame, expected)
    server.unavailable_every = server.cut_every = 0
    assert verify(server.at()) == []


def test_what_is_fetched_is_the_dataset(server: Server, root: Path, tmp_path: Path) -> None:
    publish(root, server.at())
    out = tmp_path / "fetched"
    assert fetch(server.at(), out).new == ("a", "b")
    assert fetch(server.at(), out).known == ("a", "b")
    assert verify(out) == []
    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert files == {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert all((root / name).read_bytes() == (out / name).read_bytes() for name in files)
    sealed(root, "a", "b", "c")
    publish(root, server.at())
    assert fetch(server.at(), out).new == ("c",)
    assert open_dataset(out).header == open_dataset(root).header


class FailingDisk(Disk):
    """Answers one of its calls as a disk does that is broken."""

    def __init__(self, call: str) -> None:
        self._call = call

    def write(self, path: Path, parts: Sequence[bytes]) -> None:
        self._fails_at("write", path)
        super().write(path, parts)

    def sync(self, folder: Path) -> None:
        self._fails_at("sync", folder)
        super().sync(folder)

    def replace_durably(self, path: Path, data: bytes) -> None:
        if path.name == LOG_FILE:
            self._fails_at("replace", path)
        super().replace_durably(path, data)

    def _fails_at(self, call: str, path: Path) -> None:
        if call == self._call:
            raise OSError(errno.EIO, "Input/output error", str(path))


@pytest.mark.parametrize("call", ["write", "sync", "replace"])
def test_a_disk_that_fails_during_a_fetch_is_said(call: str, server: Server, root: Path, tmp_path: Path) -> None:
    publish(root, server.at())
    create_dataset(tmp_path / "fetched", name="test", licence="CC0-1.0")
    with pytest.raises(StoreError, match=r"fetched: .* cannot be written \(Input/output error: "):
        fetch(server.at(), tmp_path / "fetched", disk=FailingDisk(call))
    assert not list((tmp_path / "fetched/staging").iterdir())
    fetch(server.at(), tmp_path / "fetched")
    assert verify(tmp_path / "fetched") == []


def test_another_dataset_in_the_same_place_is_refused(server: Server, root: Path, tmp_path: Path) -> None:
    publish(root, server.at())
    create_dataset(tmp_path / "other", name="other", licence="CC0-1.0")
    with pytest.raises(StoreError, match="holds the dataset 'test'"):
        publish(tmp_path / "other", server.at())
    with pytest.raises(StoreError, match="holds the dataset 'other'"):
        fetch(server.at(), tmp_path / "other")
    with pytest.raises(StoreError, match="neither log goes on from the other"):
        publish(sealed(tmp_path / "apart", "z"), server.at())
    assert verify(server.at()) == []


@pytest.mark.parametrize("at", [LOG_FILE, DATASET_FILE])
def test_of_two_that_seal_at_once_neither_takes_back_the_other(
    at: str, server: Server, root: Path, tmp_path: Path
) -> None:
    """The second runs from its start to its end right before a put of the first, who has looked at the bucket."""
    publish(root, server.at())
    ahead = sealed(shutil.copytree(root, tmp_path / "ahead"), "a", "b", "c")
    further = sealed(shutil.copytree(ahead, tmp_path / "further"), "a", "b", "c", "d")
    refused: list[Path] = []

    def publish_or_be_refused(dataset: Path) -> None:
        try:
            publish(dataset, server.at())
        except StoreError as error:
            assert "neither log goes on from the other" in str(error)
            refused.append(dataset)

    def publish_meanwhile(dataset: Path) -> None:
        def before_put(key: str) -> None:
            if key == f"d/{at}":
                server.before_put = lambda _key: None
                publish_or_be_refused(dataset)

        server.before_put = before_put

    publish_meanwhile(further)
    publish(ahead, server.at())
    assert open_dataset(server.at()).header == open_dataset(further).header
    assert verify(server.at()) == []
    more = sealed(shutil.copytree(further, tmp_path / "more"), "a", "b", "c", "d", "e")
    others = sealed(shutil.copytree(further, tmp_path / "others"), "a", "b", "c", "d", "z")
    publish_meanwhile(others)
    publish_or_be_refused(more)
    assert refused == ([more] if at == LOG_FILE else [others])  # who put the log first goes on
    sealed_there = others if at == LOG_FILE else more
    assert open_dataset(server.at()).header == open_dataset(sealed_there).header
    assert (server.files / "d" / LOG_FILE).read_bytes() == (sealed_there / LOG_FILE).read_bytes()


def test_what_is_sealed_while_it_is_published_or_fetched_is_left_to_the_next_time(
    server: Server, root: Path, tmp_path: Path
) -> None:
    first = open_dataset(root).header

    def seal_another(done: float, total: float, _name: str) -> None:
        if done == total:
            sealed(root, "a", "b", "c")

    publish(root, server.at(), seal_another)
    assert open_dataset(server.at()).header == first
    assert (server.at() / LOG_FILE).read_bytes().splitlines() == (root / LOG_FILE).read_bytes().splitlines()[:3]
    assert verify(server.at()) == []

    def publish_another(done: float, total: float, _name: str) -> None:
        if done == total:
            publish(root, server.at())

    fetch(server.at(), tmp_path / "fetched", publish_another)
    assert open_dataset(tmp_path / "fetched").header == first
    assert open_dataset(server.at()).header == open_dataset(root).header != first
    assert verify(tmp_path / "fetched") == []
    seal_dataset(tmp_path / "fetched")  # which misses nothing
    fetch(server.at(), tmp_path / "fetched")
    assert open_dataset(tmp_path / "fetched").header == open_dataset(root).header


@pytest.mark.parametrize(("condition", "said"), [("If-None-Match", "where there is none"), ("If-Match", "another")])
def test_a_store_that_puts_whatever_the_condition_is_refused(
    condition: str, said: str, server: Server, root: Path
) -> None:
    server.ignores = condition
    for _ in range(2):  # the first leaves nothing that the second would go on from
        with pytest.raises(StoreError, match=rf"was to be put only .*{said}.*\({condition}\)"):
            publish(root, server.at())
        assert server.contents() == {}


def test_a_store_that_takes_no_version_is_told_of_and_not_asked_for_ever(server: Server, root: Path) -> None:
    server.matches = False
    with pytest.raises(StoreError, match=r"s3://lab/d/dataset\.json: .* refuses to put over the version"):
        publish(root, server.at())


def test_a_log_whose_publisher_never_finished_is_gone_on_from_or_named(
    server: Server, root: Path, tmp_path: Path
) -> None:
    longer = sealed(shutil.copytree(root, tmp_path / "longer"), "a", "b", "c")

    def cut_off(key: str) -> None:
        if key == f"d/{DATASET_FILE}" and (server.files / "d" / LOG_FILE).exists():
            raise S3Error(HTTPStatus.FORBIDDEN, "AccessDenied", "no more puts")

    server.before_put = cut_off
    with pytest.raises(StoreError, match="refuses access"):
        publish(longer, server.at())
    server.before_put = lambda _key: None
    with pytest.raises(StoreError, match=r"whoever put that log has not finished.*delete s3://lab/d/provenance\.jsonl"):
        publish(sealed(tmp_path / "apart", "z"), server.at())
    publish(root, server.at())  # an earlier seal: the log that is there tells of it, and of more
    assert open_dataset(server.at()).header == open_dataset(root).header
    publish(longer, server.at())
    assert open_dataset(server.at()).header == open_dataset(longer).header
    bucket_log = server.files / "d" / LOG_FILE
    assert bucket_log.read_bytes() == (longer / LOG_FILE).read_bytes()


def test_errors_say_bucket_key_and_what_to_do(root: Path, server: Server) -> None:
    with pytest.raises(StoreError, match=r"s3://other/d.*has no bucket 'other'; make it, or correct the name"):
        publish(root, BucketPath(Bucket("other", server.url), "d"))
    nobody = Bucket(NAME, "http://127.0.0.1:9", retries=0)
    with pytest.raises(StoreError, match=r"s3://lab/d/dataset\.json: http://127\.0\.0\.1:9 did not do as asked"):
        open_dataset(BucketPath(nobody, "d"))
    with pytest.raises(InputError, match="is no name of a bucket"):
        place_of("s3://")
    with pytest.raises(InputError, match="expected s3://BUCKET/PREFIX"):
        publish(root, "folder")
    for record in (seal_dataset, lambda uri: create_dataset(uri, name="d", licence="CC0-1.0")):
        with pytest.raises(InputError, match="scanyard publish FOLDER"):
            record(Path("s3://lab/d"))  # as the command line hands it on


def test_without_obstore_the_extra_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(EnvironmentFault, match=r"pip install 'scanyard\[s3\]'"):
        publish(root, "s3://never-asked/d")


def test_a_fork_is_told_that_it_cannot_read_and_does_not_hang(server: Server, root: Path) -> None:
    publish(root, server.at())
    stored = open_sequence(server.at(), "a")
    with multiprocessing.get_context("fork").Pool(1) as pool, pytest.raises(StoreError, match="'spawn'"):
        pool.apply_async(stored.__getitem__, (0,)).get(timeout=20)


def test_place_and_endpoint_come_from_uri_and_environment(
    server: Server, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    publish(root, "s3://lab/deep/er/")
    assert open_dataset(Path("s3://lab/deep/er")).digest == open_dataset(root).digest
    assert str(place_of("s3://lab/deep/er")) == "s3://lab/deep/er"


def test_without_an_endpoint_requests_go_to_amazon_in_the_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    bucket = Bucket("elsewhere")  # clients are kept, so one that no other test asks for
    address = obstore.sign(bucket.client("d"), "GET", "dataset.json", timedelta(seconds=1))
    assert address.startswith("https://s3.eu-central-1.amazonaws.com/elsewhere/d/dataset.json?")
    assert bucket.service == "Amazon S3"


def test_the_commands_publish_verify_and_fetch(
    server: Server, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*arguments: str | Path) -> str:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
        assert result.exit_code == 0
        return result.output

    digest = open_dataset(root).digest[:16]
    assert "2 sequences committed, 0 there already" in said("publish", root, "s3://lab/d", "--endpoint", server.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    assert f"intact; 2 sequences, 4 frames, digest {digest}" in said("verify", "s3://lab/d")
    assert "2 sequences committed" in said("fetch", "s3://lab/d", "--out", tmp_path / "fetched")
    assert "0 sequences committed, 2 there already" in said("fetch", "s3://lab/d", "--out", tmp_path / "fetched")
    assert f"intact; 2 sequences, 4 frames, digest {digest}" in said("verify", tmp_path / "fetched")


def test_a_fetched_dataset_goes_on_under_another_folder_name_and_is_published_again(
    server: Server, root: Path, tmp_path: Path
) -> None:
    publish(root, server.at())
    fetch(server.at(), tmp_path / "moved")
    create_dataset(tmp_path / "moved", licence="CC0-1.0")  # as every command begins that writes
    write(tmp_path / "moved", info_named("c"), [small(7)])
    seal_dataset(tmp_path / "moved")
    assert publish(tmp_path / "moved", server.at()).new == ("c",)
    assert verify(server.at()) == []
    assert open_dataset(server.at()).name == open_dataset(root).name


def test_publishing_what_a_licence_keeps_back_is_refused(server: Server, tmp_path: Path) -> None:
    create_dataset(tmp_path / "d", name="d", licence="academic-only")
    with pytest.raises(LicenceError, match="academic-only does not allow passing on"):
        arguments = ["publish", str(tmp_path / "d"), "s3://lab/d", "--endpoint", server.url, "--for", "passing on"]
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert server.contents() == {}
