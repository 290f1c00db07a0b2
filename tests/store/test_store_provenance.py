"""The log tells of every sequence from its scenario to its seal, and no line of it can be changed or lost unnoticed."""

import hashlib
import json
import shutil
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from store_frames import dataset_at, frame_at, info_named

from scanyard.errors import DamagedError, InputError, StoreError
from scanyard.store import create_dataset, open_dataset, require_nothing_lost, seal_dataset, verify, write_sequence
from scanyard.store.dataset import dataset_digest, read_header
from scanyard.store.disk import Disk
from scanyard.store.layout import canonical_json, readable_json
from scanyard.store.merkle import merkle_root, proof, proves
from scanyard.store.provenance import LOG_FILE, Entry, extended, load_key, public_half, read_log

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    dataset = dataset_at(tmp_path / "d")
    write_sequence(dataset, info_named("a", scenario="cut_in", scenario_digest="12ab", seed=4), [frame_at(0)])
    seal_dataset(dataset, key=KEY)
    write_sequence(dataset, info_named("b", scenario="cut_in", scenario_digest="12ab", seed=5), [frame_at(1)])
    seal_dataset(dataset, key=KEY)
    return dataset


def test_every_sequence_is_told_of_once_with_scenario_seed_and_licence(root: Path) -> None:
    log = read_log(root)
    assert [entry.event for entry in log] == ["sequence sealed", "dataset sealed"] * 2
    body = log[0].body
    assert (body["sequence"], body["licence"]) == ("a", "CC0-1.0")
    assert body["provenance"] == {"scenario": "cut_in", "scenario_digest": "12ab", "seed": 4}
    assert body["digest"] == open_dataset(root).sequences["a"].seal.digest
    assert log[-1].body["merkle_root"] == open_dataset(root).header.merkle_root
    before = (root / LOG_FILE).read_bytes()
    seal_dataset(root)  # nothing is new
    assert (root / LOG_FILE).read_bytes() == before
    assert verify(root) == []


@pytest.mark.parametrize("tampering", ["changed", "removed", "cut", "swapped", "emptied", "gone", "forged", "unsigned"])
def test_tampering_is_found(tampering: str, root: Path) -> None:
    path = root / LOG_FILE
    lines = path.read_bytes().splitlines(keepends=True)
    log = read_log(root)
    if tampering == "changed":
        lines[0] = lines[0].replace(b'"seed":4', b'"seed":5')
    elif tampering == "removed":
        del lines[1]
    elif tampering == "cut":
        del lines[-1]
    elif tampering == "swapped":
        lines[0], lines[2] = lines[2], lines[0]
    elif tampering == "emptied":
        lines = []
    elif tampering == "forged":  # with hashes that are right, in the name of a key that the forger lacks
        said = json.loads(lines[-1])
        said["body"]["sequences"] = 1
        entry = type(log[0])(**{name: value for name, value in said.items() if name != "hash"})
        lines[-1] = entry.to_line()
    elif tampering == "unsigned":  # a new chain that nobody signed
        lines = [entry.to_line() for entry in extended([], [(entry.event, entry.body) for entry in log], None)]
    path.write_bytes(b"".join(lines))
    if tampering == "gone":
        path.unlink()
    assert LOG_FILE in {finding.path.name for finding in verify(root)}


def test_a_key_is_read_from_pem_and_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert load_key(path).public_key() == KEY.public_key()
    path.write_text("no key")
    with pytest.raises(InputError, match="no private key"):
        load_key(path)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13])
def test_a_proof_leads_from_every_sequence_to_the_root_and_from_no_other(count: int) -> None:
    digests = {f"walk-{number}": f"{number:064x}" for number in range(count)}
    root = merkle_root(digests)
    for name, digest in digests.items():
        steps = proof(digests, name)
        assert len(steps) <= 4
        assert proves(steps, name, digest, root)
        assert not proves(steps, name, "f" * 64, root)
        assert not proves(steps, "other", digest, root)
    assert merkle_root({**digests, "walk-0": "e" * 64}) != root


def test_the_holder_of_a_key_vouches_for_what_was_sealed_last_and_for_nothing_else(tmp_path: Path) -> None:
    root = dataset_at(tmp_path / "d")
    write_sequence(root, info_named("a"), [frame_at(0)])
    public, other = public_half(KEY), public_half(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    assert [one.problem for one in verify(root, public_key=public)] == [
        "the dataset is not sealed, so nobody vouches for it"
    ]
    seal_dataset(root)
    assert [one.problem for one in verify(root, public_key=public)] == [
        "nobody signed what the dataset was sealed with"
    ]
    seal_dataset(root, key=KEY)  # nothing is new, and it is signed all the same
    assert verify(root, public_key=public) == []
    assert "expected" in verify(root, public_key=other)[0].problem
    length = len(read_log(root))
    seal_dataset(root, key=KEY)
    assert len(read_log(root)) == length
    write_sequence(root, info_named("b"), [frame_at(1)])
    seal_dataset(root)  # by somebody without the key
    assert [one.problem for one in verify(root, public_key=public)] == [
        "nobody signed what the dataset was sealed with"
    ]
    assert verify(root) == []


def forged_line(root: Path, name: str, digest: str) -> bytes:
    """The log with one more entry, which nobody signed."""
    log = extended(read_log(root), [("sequence sealed", {"sequence": name, "digest": digest})], None)
    return b"".join(entry.to_line() for entry in log)


def problems(root: Path) -> str:
    return "; ".join(map(str, verify(root, public_key=public_half(KEY))))


@pytest.mark.parametrize("line", [True, False], ids=["with a line in the log", "without"])
def test_who_lacks_the_key_can_replace_no_sequence_of_a_signed_dataset(line: bool, root: Path) -> None:
    shutil.rmtree(root / "sequences/a")
    forged = write_sequence(root, info_named("a"), [frame_at(7)]).digest
    header = read_header(root)
    listed = {**(header.sequences or {}), "a": forged}
    if line:
        (root / LOG_FILE).write_bytes(forged_line(root, "a", forged))
    (root / "dataset.json").write_bytes(replace(header, sequences=listed, merkle_root=merkle_root(listed)).to_bytes())
    assert "lists other sequences than the log says" in problems(root)
    assert "does not tell of this sequence" in problems(root)
    assert ("entries follow" in problems(root)) == line
    assert verify(root) != []  # without the key too


@pytest.mark.parametrize("keep_root", [True, False], ids=["with the root as signed", "with a root that fits"])
def test_who_lacks_the_key_can_drop_no_sequence_of_a_signed_dataset(keep_root: bool, root: Path) -> None:
    shutil.rmtree(root / "sequences/a")
    header = read_header(root)
    listed = {"b": (header.sequences or {})["b"]}
    told = header.merkle_root if keep_root else merkle_root(listed)
    (root / "dataset.json").write_bytes(replace(header, sequences=listed, merkle_root=told).to_bytes())
    assert "lists other sequences than the log says" in problems(root)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"licence": "CC-BY-4.0"}, "its licence is 'CC-BY-4.0', sealed was 'CC0-1.0'"),
        ({"name": "better"}, "its name is 'better', sealed was 'test'"),
        ({"campaign": "another"}, "its campaign is 'another', sealed was ''"),
    ],
)
def test_who_lacks_the_key_can_give_a_signed_dataset_no_other_name_licence_or_campaign(
    changes: dict[str, str], said: str, root: Path
) -> None:
    (root / "dataset.json").write_bytes(replace(read_header(root), **changes).to_bytes())
    assert [one.problem for one in verify(root, public_key=public_half(KEY))] == [said]
    before = (root / LOG_FILE).read_bytes()
    with pytest.raises(DamagedError, match=rf"dataset\.json: {said}; restore it from a copy"):
        seal_dataset(root, key=KEY)
    assert (root / LOG_FILE).read_bytes() == before


def test_who_lacks_the_key_cannot_have_another_name_or_licence_signed_with_the_next_sequence(root: Path) -> None:
    unsealed = replace(read_header(root), sequences=None, merkle_root=None, log_head=None)
    (root / "dataset.json").write_bytes(replace(unsealed, licence="CC-BY-4.0").to_bytes())
    write_sequence(root, info_named("c"), [frame_at(2)])
    with pytest.raises(DamagedError, match=r"its licence is 'CC-BY-4\.0', sealed was 'CC0-1\.0'"):
        seal_dataset(root, key=KEY)


def test_an_unsigned_entry_does_not_pass_another_licence_on_to_the_next_signature(root: Path) -> None:
    log, header = read_log(root), replace(read_header(root), licence="CC-BY-4.0")
    log = extended(log, [("dataset sealed", dict(log[-1].body) | {"dataset": header.identity})], None)
    (root / LOG_FILE).write_bytes(b"".join(entry.to_line() for entry in log))
    (root / "dataset.json").write_bytes(replace(header, log_head=log[-1].hash).to_bytes())
    assert "its licence is 'CC-BY-4.0', sealed was 'CC0-1.0'" in problems(root)
    with pytest.raises(DamagedError, match="its licence is"):
        seal_dataset(root, key=KEY)


@pytest.mark.parametrize("news", [True, False])
def test_a_log_that_does_not_name_its_dataset_is_told_of_and_sealing_mends_it(news: bool, root: Path) -> None:
    said = [(one.event, {key: body for key, body in one.body.items() if key != "dataset"}) for one in read_log(root)]
    log = extended([], said, KEY)  # as it was written before
    (root / LOG_FILE).write_bytes(b"".join(entry.to_line() for entry in log))
    (root / "dataset.json").write_bytes(replace(read_header(root), log_head=log[-1].hash).to_bytes())
    assert verify(root) == []
    assert "nobody signed its name, licence and campaign; seal it again" in problems(root)
    if news:
        write_sequence(root, info_named("c"), [frame_at(2)])
    seal_dataset(root)
    assert (read_log(root) == log) == (not news)
    seal_dataset(root, key=KEY)
    assert problems(root) == ""
    assert read_log(root)[-1].body["dataset"] == read_header(root).identity


def test_a_signed_line_that_seals_no_dataset_seals_none(root: Path) -> None:
    header, log = read_header(root), read_log(root)
    head = next(entry for entry in reversed(log) if entry.event == "sequence sealed")
    (root / "dataset.json").write_bytes(replace(header, log_head=head.hash).to_bytes())
    assert "lists other sequences than the log says" in problems(root)


def test_what_was_committed_after_a_signature_nobody_vouches_for(root: Path) -> None:
    write_sequence(root, info_named("c"), [frame_at(7)])
    assert "sequence c: was committed after the dataset was sealed" in problems(root)
    assert verify(root) == []  # which is how any campaign looks while it runs


def test_a_writer_cut_off_between_log_and_dataset_leaves_it_signed(root: Path) -> None:
    before = (root / "dataset.json").read_bytes()
    seal_dataset(root, key=Ed25519PrivateKey.from_private_bytes(bytes(32)))
    seal_dataset(root, key=KEY)
    (root / "dataset.json").write_bytes(before)
    assert problems(root) == ""
    (root / LOG_FILE).write_bytes(forged_line(root, "a", "f" * 64))
    assert "entries follow" in problems(root)
    assert verify(root) == []


def without(root: Path, name: str) -> Path:
    shutil.rmtree(root / "sequences" / name)
    return root


def test_a_loss_is_not_sealed_over(root: Path) -> None:
    before = (root / "dataset.json").read_bytes(), (root / LOG_FILE).read_bytes()
    with pytest.raises(DamagedError, match=r"'a' was sealed .* and is gone; .* scanyard seal .* --forget a"):
        seal_dataset(without(root, "a"))
    assert ((root / "dataset.json").read_bytes(), (root / LOG_FILE).read_bytes()) == before
    assert "the sequence is gone" in problems(root)
    write_sequence(root, info_named("a", scenario="cut_in", scenario_digest="12ab", seed=4), [frame_at(0)])
    seal_dataset(root)  # made again, it is the one that was sealed
    assert problems(root) == ""


def test_another_sequence_in_the_place_of_a_sealed_one_is_not_sealed_over(root: Path) -> None:
    write_sequence(without(root, "a"), info_named("a"), [frame_at(7)])
    with pytest.raises(DamagedError, match=r"'a' was sealed .* and is another one now"):
        seal_dataset(root)
    seal_dataset(root, forget=["a"], key=KEY)
    assert [entry.event for entry in read_log(root)[4:]] == ["sequence removed", "sequence sealed", "dataset sealed"]
    assert problems(root) == ""


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_lost_log_is_not_begun_anew(damage: str, root: Path) -> None:
    lines = (root / LOG_FILE).read_bytes().splitlines(keepends=True)
    (root / LOG_FILE).unlink() if damage == "gone" else (root / LOG_FILE).write_bytes(b"".join(lines[:-1]))
    with pytest.raises(DamagedError, match=r"provenance\.jsonl: is not the log .* restore it"):
        seal_dataset(root)
    assert "is not the log" in str(verify(root))


def test_what_is_forgotten_is_said_in_the_log(root: Path) -> None:
    digest = read_log(root)[0].body["digest"]
    seal_dataset(without(root, "a"), forget=["a"], key=KEY)
    assert [(entry.event, entry.body.get("sequence")) for entry in read_log(root)[4:]] == [
        ("sequence removed", "a"),
        ("dataset sealed", None),
    ]
    assert read_log(root)[4].body["digest"] == digest
    assert problems(root) == ""
    before = (root / LOG_FILE).read_bytes()
    seal_dataset(root)
    assert (root / LOG_FILE).read_bytes() == before
    write_sequence(root, info_named("a", scenario="cut_in", scenario_digest="12ab", seed=4), [frame_at(0)])
    seal_dataset(root, key=KEY)  # it comes back, and the log says that too
    assert read_log(root)[-2].body["sequence"] == "a"
    assert problems(root) == ""


def test_a_writer_cut_off_while_it_forgets_can_go_on(root: Path) -> None:
    before = (root / "dataset.json").read_bytes()
    seal_dataset(without(root, "a"), forget=["a"])
    (root / "dataset.json").write_bytes(before)
    seal_dataset(root)
    assert verify(root) == []


def test_only_what_is_lost_is_forgotten(root: Path) -> None:
    with pytest.raises(InputError, match="'a' cannot be forgotten, it is there as it was sealed"):
        seal_dataset(root, forget=["a"])
    with pytest.raises(InputError, match="'z' cannot be forgotten, it was never sealed"):
        seal_dataset(root, forget=["z"])
    assert len(read_log(root)) == 4


def test_a_loss_is_told_of_before_the_work_unless_the_work_mends_it(root: Path) -> None:
    require_nothing_lost(without(root, "a"), coming=["a"])
    with pytest.raises(DamagedError, match="'a' was sealed"):
        require_nothing_lost(root, coming=["c"])


class Waiting(Disk):
    """Waits before it writes a file for something to happen, or a second where it cannot; and says what it has done."""

    def __init__(self, waits: Mapping[str, threading.Event], says: Mapping[str, threading.Event]) -> None:
        self._waits, self._says = waits, says

    def replace_durably(self, path: Path, data: bytes) -> None:
        if path.name in self._waits:
            self._waits[path.name].wait(timeout=1.0)
        super().replace_durably(path, data)
        if path.name in self._says:
            self._says[path.name].set()


def test_two_who_seal_at_once_leave_what_one_after_the_other_would(root: Path) -> None:
    write_sequence(root, info_named("c"), [frame_at(2)])
    log_of_one, end_of_other = threading.Event(), threading.Event()
    one = Waiting({"dataset.json": end_of_other}, {LOG_FILE: log_of_one})
    other = Waiting({LOG_FILE: log_of_one}, {"dataset.json": end_of_other})
    with ThreadPoolExecutor(2) as pool:  # each begins from the same log, if nothing keeps them apart
        sealed = [pool.submit(seal_dataset, root, key=key, disk=disk) for key, disk in ((None, one), (KEY, other))]
        assert len({done.result() for done in sealed}) == 1
    assert verify(root) == []


def test_who_makes_a_dataset_late_leaves_what_another_has_sealed(tmp_path: Path) -> None:
    class Late(Disk):
        def make_folders(self, folder: Path) -> list[Path]:
            made = super().make_folders(folder)
            if folder.name == "staging":  # the file is not there yet, and somebody else is quicker
                write_sequence(dataset_at(tmp_path), info_named("a"), [frame_at(0)])
                seal_dataset(tmp_path)
            return made

    create_dataset(tmp_path, name="test", licence="CC0-1.0", disk=Late())
    assert list(read_header(tmp_path).sequences or {}) == ["a"]
    with pytest.raises(StoreError, match="already holds the dataset"):
        create_dataset(tmp_path, name="test", licence="CC-BY-4.0")


@pytest.mark.parametrize(
    ("event", "body", "key", "complaint"),
    [
        ("sequence sealed", {"digest": "ab"}, None, "its sequence is None"),
        ("sequence sealed", {"sequence": "a", "digest": 7}, None, "its digest is 7"),
        ("sequence removed", {}, None, "its sequence is None"),
        ("dataset sealed", {"sequences": 2}, None, "its merkle_root is None"),
        ("dataset sealed", ["merkle_root"], None, "its body is a list"),
        (["dataset sealed"], {}, None, "its event is"),
        ("dataset sealed", {"merkle_root": "ab"}, 7, "its key is 7"),
    ],
)
def test_an_entry_that_lacks_what_its_event_says_is_no_entry(
    event: str, body: dict[str, object], key: str, complaint: str, root: Path
) -> None:
    log = read_log(root)
    strange = Entry(log[-1].hash, event, "2026-01-01T00:00:00Z", body, key)
    (root / LOG_FILE).write_bytes(b"".join(entry.to_line() for entry in [*log, strange]))
    with pytest.raises(DamagedError, match=rf"provenance\.jsonl, line 5: no entry of a log \({complaint}"):
        seal_dataset(root)
    assert complaint in str(verify(root)[0])


@pytest.mark.parametrize(
    "changes",
    [
        *[{"licence": ["CC0-1.0"]}, {"name": 7}, {"sequences": {"a": 7}}, {"sequences": ["a"]}, {"log_head": 7}],
        *[{"sequences": None}, {"merkle_root": None}],
    ],
)
def test_a_dataset_file_with_something_else_in_it_is_damaged(changes: dict[str, object], root: Path) -> None:
    body = json.loads((root / "dataset.json").read_bytes())
    del body["self_sha256"]
    body |= changes
    del body["digest"]
    if isinstance(body["sequences"], dict):
        body["digest"] = dataset_digest(body["sequences"])
    checksum = hashlib.sha256(canonical_json(body)).hexdigest()
    (root / "dataset.json").write_bytes(readable_json({**body, "self_sha256": checksum}))
    with pytest.raises(DamagedError, match=r"dataset\.json: damaged"):
        _ = open_dataset(root).licence
    assert verify(root, public_key=public_half(KEY)) != []
