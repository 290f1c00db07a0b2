"""Whatever frames are called: ids of results are read as they were meant, or refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanyard.datasets.levelled import level_from_ego
from scanyard.datasets.origin import FrameNote, SequenceNote
from scanyard.errors import FormatError
from scanyard.geometry import Transform
from scanyard.results import Exported, KnownFrame, KnownFrames
from scanyard.sensors import Rig
from scanyard.sequence import SequenceInfo
from tests.view.street import RIG

LEANING = Rig("leaning", (replace(RIG.lidars[0], ego_from_sensor=Transform.from_xyz_rpy((1, 0, 2), pitch=0.05)),))
"""Upright or not, a rig is what decides in which frame an export's boxes are."""
Place = tuple[str, int]


@dataclass(frozen=True)
class World:
    """A dataset, what an export of all of it says, and the recordings that are to be scored."""

    known: KnownFrames
    export: Exported
    number: dict[Place, str]
    """By recording and position."""

    def meant(self, ids: list[tuple[Place, str]], known: KnownFrames, *, exported: bool) -> bool:
        """Whether each id is taken for the frame it was written for, with boxes in the cloud that was seen.

        FormatError where it is refused.
        """
        found = known.find_all([(name, "results") for _, name in ids], in_cloud=True)
        seen = [level_from_ego(one.info.rig).inverse() if exported else one.ego_from_lidar for one in found]
        right = [(one.info.name, one.index) for one in found] == [place for place, _ in ids]
        return right and all(
            np.array_equal(one.ego_from_cloud.matrix, cloud.matrix) for one, cloud in zip(found, seen, strict=True)
        )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Up to four recordings: frames without names, or named from a few numbers, in any order and also twice."""
    rig = draw(st.sampled_from([RIG, LEANING]))
    lengths = {f"drive-{drive}": draw(st.integers(1, 4)) for drive in range(draw(st.integers(1, 4)))}
    total = sum(lengths.values())
    names = st.just("") if draw(st.booleans()) else st.integers(0, draw(st.sampled_from([total - 1, total, 5000])))
    known, notes, number = [], [], {}
    for recording, length in lengths.items():
        info, own = SequenceInfo(recording, "synthetic", recording, rig, "CC0-1.0"), []
        for index in range(length):
            drawn = draw(names)
            name, pose = drawn if isinstance(drawn, str) else f"{drawn:06d}", Transform.identity()
            number[recording, index] = file = f"{len(number):06d}"
            known.append(KnownFrame(info, index, name or f"{index:06d}", "", pose, index))
            own.append(FrameNote(file, name, index, pose, labelled=True))
        notes.append(SequenceNote(info, tuple(own)))
    scored = draw(st.sets(st.sampled_from(sorted(lengths)), min_size=1))
    frames = tuple(one for one in known if one.info.name in scored)
    return World(KnownFrames(frames, lengths), Exported(Path("export"), tuple(notes)), number)


@settings(max_examples=300, deadline=None)
@given(worlds(), st.data())
def test_no_id_is_read_as_another_frame(world: World, data: st.DataObject) -> None:
    """Neither of a detector that ran on the export, nor of one that ran on the frames themselves."""
    some = data.draw(st.lists(st.sampled_from(world.known.frames), min_size=1, unique_by=lambda one: one.long_name))
    places = [(one.info.name, one.index) for one in some]
    numbers = [(place, world.number[place]) for place in places]
    names = [(place, one.name) for place, one in zip(places, some, strict=True)]
    assert world.meant(numbers, world.export.known(world.known), exported=True)
    for ids, exported in ((numbers, True), (names, False)):
        try:
            assert world.meant(ids, world.known, exported=exported)
        except FormatError as error:
            assert "--exported FOLDER" in str(error)
    try:
        assert world.meant(names, replace(world.known, own_names=True), exported=False)
    except FormatError as error:
        assert "recordings, such as" in str(error)  # one name twice


@settings(deadline=None)
@given(worlds())
def test_a_number_alone_says_that_boxes_are_level(world: World) -> None:
    for one in world.export.known(world.known).frames:
        by_id = one.by_id
        assert {name for name, frame in by_id.items() if frame.number} == {one.number}
        assert np.array_equal(by_id[one.number].ego_from_cloud.rotation, np.eye(3))
        assert by_id[one.long_name].ego_from_cloud is one.ego_from_lidar


def test_what_is_untold_is_refused_where_the_lidar_is_turned() -> None:
    info = SequenceInfo("a", "synthetic", "a", LEANING, "CC0-1.0")
    known = KnownFrames((KnownFrame(info, 0, "000000", "", Transform.identity(), 0),))
    assert known.find_all([("000000", "results")])
    with pytest.raises(FormatError, match=r"which is turned, .*--exported FOLDER.*--own-names"):
        known.find_all([("000000", "results")], in_cloud=True)
