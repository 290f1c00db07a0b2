"""Whether a damaged file still follows its format: a second, independent reading that shares no code with the first.

It knows only the samples' frames and is written from the formats' rules.  What the readers accept and this refuses is a
finding; that it may accept what they refuse is fine, for they compare more (a calibration, a key's second place).
"""

from __future__ import annotations

import json
import math
import pickle
import pickletools
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow

FRAMES = {"000000", "000001", "000002", "000003"}
KITTI = {"Car", "Van", "Truck", "Pedestrian", "Person_sitting", "Cyclist", "Tram", "Misc"}
NUSCENES = set(
    "car truck bus trailer construction_vehicle pedestrian motorcycle bicycle traffic_cone barrier".split()  # noqa: SIM905
)
ARGOVERSE = set(
    "articulated_bus bicyclist bollard box_truck construction_barrel construction_cone dog large_vehicle wheelchair "  # noqa: SIM905  # a list of names reads better in a row
    "message_board_trailer mobile_pedestrian_crossing_sign motorcyclist regular_vehicle school_bus sign stop_sign "
    "stroller truck_cab vehicular_trailer wheeled_device wheeled_rider".split()
)
UPPER_ARGOVERSE = {name.upper() for name in ARGOVERSE} | {
    "ANIMAL", "BICYCLE", "BUS", "MOTORCYCLE", "OFFICIAL_SIGNALER", "PEDESTRIAN", "RAILED_VEHICLE", "TRUCK",
    "TRAFFIC_LIGHT_TRAILER", "WHEELED_DEVICE", "WHEELED_RIDER",
}  # fmt: skip
WAYMO = {"vehicle", "sign", "cyclist", "van", "person_sitting"}
_LOWER = NUSCENES | ARGOVERSE | WAYMO
NAMES = KITTI | _LOWER | {name.upper() for name in _LOWER} | {name.capitalize() for name in _LOWER}
HARMLESS = {
    ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"), ("numpy", "ndarray"),
    ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"), ("numpy", "dtype"),
    ("numpy._core.numeric", "_frombuffer"), ("numpy.core.numeric", "_frombuffer"), ("_codecs", "encode"),
    ("__builtin__", "bytes"),
}  # fmt: skip
_WORD = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)


class InvalidError(Exception):
    """A file does not follow its format."""


def require(fine: Any, said: str = "") -> None:
    """InvalidError unless something holds."""
    if not bool(fine):
        raise InvalidError(said)


def follows(name: str, root: Path) -> str:
    """Empty where the subject's files follow their format, or what is wrong."""
    try:
        _CHECKS[name](root)
    except (InvalidError, OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError,
            pickle.UnpicklingError, EOFError, MemoryError, ImportError) as trouble:  # fmt: skip
        return f"{type(trouble).__name__}: {trouble}"[:200] or "?"
    return ""


def _number(value: Any, low: float, high: float) -> None:
    require(type(value) in (int, float) and math.isfinite(value) and low <= value <= high, f"number {value!r}"[:60])


def _words(line: str, count: int) -> list[str]:
    words = line.split()
    require(len(words) == count, f"{len(words)} words")
    return words


def _floats(words: Iterable[str]) -> list[float]:
    found = []
    for word in words:
        require(_WORD.fullmatch(word) and abs(float(word)) <= 1e5, f"word {word[:40]}")
        found.append(float(word))
    return found


def _object(row: list[float], *, results: bool) -> None:
    """KITTI's fourteen numbers."""
    require(row[3] <= row[5] and row[4] <= row[6], "image box")
    require(all(0 < one <= 100 for one in row[7:10]), "size")
    require(all(abs(one) <= 1.01e4 for one in row[10:13]) and abs(row[13]) <= 13, "place")
    if not results:
        require(0 <= row[0] <= 1 and row[1] in (0, 1, 2, 3), "truncation")


def _text(path: Path) -> list[str]:
    lines = path.read_bytes().decode("ascii").split("\n")
    return lines if lines[-1] else lines[:-1]


def _kitti_results(root: Path) -> None:
    folder = root / "data"
    files = sorted(folder.glob("*.txt"))
    require({path.stem for path in files} == FRAMES, "frames")
    for path in files:
        for line in _text(path):
            name, *words = _words(line, 16)
            row = _floats(words)
            require(name in NAMES and abs(row[14]) <= 1000, name)
            _object(row, results=True)


def _strict_json(path: Path) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        require(len({key for key, _ in pairs}) == len(pairs), "key twice")
        return dict(pairs)

    def never(name: str) -> Any:
        raise InvalidError(name)

    return json.loads(path.read_bytes().decode("utf-8"), object_pairs_hook=once, parse_constant=never)


def _rows(rows: Any, width: int, low: float, high: float) -> int:
    require(isinstance(rows, list), "no list")
    for row in rows:
        require(isinstance(row, list) and len(row) == width, "row")
        for one in row:
            _number(one, low, high)
    return len(rows)


def _own(root: Path) -> None:
    data = _strict_json(root / "found.json")
    require(data["format"] == "scanyard-detections-1" and isinstance(data["detector"], str))
    require(sorted((f["sequence"], f["index"]) for f in data["frames"])
            == [("street-a", 0), ("street-a", 1), ("street-b", 0), ("street-b", 1)], "frames")  # fmt: skip
    for frame in data["frames"]:
        require(isinstance(frame["name"], str) and type(frame["index"]) is int and isinstance(frame["cloud"], str))
        boxes = frame["boxes"]
        count = _rows(boxes["center"], 3, -1e4, 1e4)
        require(_rows(boxes["size"], 3, 1e-9, 100) == count and count <= 10_000)
        for column, low, high in (("score", 0, 1), ("yaw_rad", -13, 13)):
            require(len(boxes[column]) == count)
            for one in boxes[column]:
                _number(one, low, high)
        require(len(boxes["category"]) == count and all(re.fullmatch("[a-z0-9_]+", one) for one in boxes["category"]))
        if "image_box" in boxes:
            require(_rows(boxes["image_box"], 4, -1e5, 1e5) == count)
            require(all(one[0] <= one[2] and one[1] <= one[3] for one in boxes["image_box"]))
        require(set(boxes) <= {"center", "size", "yaw_rad", "category", "score", "image_box"}, "columns")


def _nuscenes(root: Path) -> None:
    data = _strict_json(root / "results.json")
    require(isinstance(data["meta"], dict) and set(data["results"]) == FRAMES, "frames")
    for token, boxes in data["results"].items():
        require(isinstance(boxes, list) and len(boxes) <= 500)
        for box in boxes:
            require(box["sample_token"] == token and box["detection_name"] in NUSCENES)
            require(isinstance(box["attribute_name"], str))
            for key, width, low, high in (
                ("translation", 3, -1e9, 1e9),
                ("size", 3, 1e-9, 100),
                ("rotation", 4, -1.1, 1.1),
                ("velocity", 2, -300, 300),
            ):
                require(len(box[key]) == width)
                _rows([box[key]], width, low, high)
            require(abs(math.hypot(*box["rotation"]) - 1) < 2e-3, "quaternion")
            require(math.dist(box["translation"], (600, 1600, 3)) < 1.8e4, "place")
            _number(box["detection_score"], 0, 1)


def _prediction(data: Any) -> None:
    count = len(data["labels_3d"])
    require(len(data["scores_3d"]) == len(data["bboxes_3d"]) == count <= 10_000, "lengths")
    for label, score, box in zip(data["labels_3d"], data["scores_3d"], data["bboxes_3d"], strict=True):
        _number(label, 0, 2)
        require(label % 1 == 0)
        _number(score, -1000 if data.get("box_type_3d") == "Camera" else 0, 1)
        require(len(box) in (7, 9))
        _rows([box], len(box), -1.1e4, 1.1e4)
        require(all(0 < one <= 100 for one in box[3:6]) and abs(box[6]) <= 13)
    require(data.get("box_type_3d", "LiDAR") in ("LiDAR", "Camera"))


def _predictions(root: Path) -> None:
    files = sorted((root / "preds").glob("*.json"))
    require({path.stem for path in files} == FRAMES, "frames")
    for path in files:
        _prediction(_strict_json(path))


def _pickled(path: Path) -> Any:
    """Python's and numpy's own reading, once no name in the file is one that does anything else."""
    data = path.read_bytes()
    strings: list[str] = []
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in ("INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4"):
            raise InvalidError(opcode.name)
        if opcode.name == "GLOBAL":
            require(tuple(argument.split(" ")) in HARMLESS, argument)
        if isinstance(argument, str):
            strings.append(argument)
        if opcode.name.endswith("PUT"):
            require(argument < len(data))

    class Careful(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            require((module, name) in HARMLESS, f"{module}.{name}")
            return super().find_class(module, name)

    import io  # noqa: PLC0415

    return Careful(io.BytesIO(data), encoding="latin1").load()


def _array(value: Any, tail: tuple[int, ...], low: float, high: float) -> int:
    if not isinstance(value, list):
        require(isinstance(value, np.ndarray) and value.dtype.kind in "fiu", "array")
    array = np.array(value, dtype=np.float64)
    require(len(array) == 0 or array.shape[1:] == tail or (tail == (7,) and array.shape[1:] == (9,)), f"{array.shape}")
    require(np.isfinite(array).all() and (array >= low).all() and (array <= high).all(), "values")
    return len(array)


def _named(value: Any) -> int:
    words = value.tolist() if isinstance(value, np.ndarray) else value
    require(all(isinstance(one, str) and one in NAMES for one in words), "names")
    return len(words)


def _openpcdet(root: Path) -> None:
    data = _pickled(root / "result.pkl")
    require(sorted(f"{e['frame_id']:06d}" if type(e["frame_id"]) is int else str(e["frame_id"]) for e in data)
            == sorted(FRAMES), "frames")  # fmt: skip
    for entry in data:
        count = _array(entry["boxes_lidar"], (7,), -1e4, 1e4)
        require(_named(entry["name"]) == count <= 10_000 and _array(entry["score"], (), 0, 1) == count)
        rows = np.array(entry["boxes_lidar"], dtype=np.float64).reshape(count, -1) if count else np.ones((0, 7))
        require((rows[:, 3:6] > 0).all() and (rows[:, 3:6] <= 100).all() and (np.abs(rows[:, 6]) < 13).all())
        if "bbox" in entry:
            require(_array(entry["bbox"], (4,), -1e5, 1e5) == count)


def _mmdet3d(root: Path) -> None:
    data = _pickled(root / "result.pkl")
    require(len(data) == 4)
    seen = set()
    for entry in data:
        count = _named(entry["name"])
        require(_array(entry["score"], (), 0, 1) == count and _array(entry["bbox"], (4,), -1e5, 1e5) == count)
        require(
            _array(entry["dimensions"], (3,), 1e-9, 100) == count
            and _array(entry["location"], (3,), -1.1e4, 1.1e4) == count
        )
        require(_array(entry["rotation_y"], (), -13, 13) == count)
        ids = set(np.array(entry["sample_id"] if "sample_id" in entry else entry["sample_idx"]).ravel().tolist())
        require(len(ids) <= 1 and not ids & seen and ids <= {0, 1, 2, 3})
        seen |= ids


def _samples(root: Path) -> None:
    data = _pickled(root / "samples.pkl")
    require(sorted(entry["sample_idx"] for entry in data) == [0, 1, 2, 3])
    for entry in data:
        one = entry["pred_instances_3d"]
        _prediction(
            {key: np.asarray(value).tolist() if isinstance(value, np.ndarray) else value for key, value in one.items()}
        )


def _claim(root: Path) -> None:
    data = _strict_json(root / "claim.json")
    require(isinstance(data["protocol"], str) and isinstance(data["scores"], list) and data["scores"])
    for score in data["scores"]:
        for key in ("metric", "category", "difficulty"):
            require(isinstance(score[key], str))
        _number(score["value"], -1e300, 1e300)


def _calibration(path: Path) -> None:
    counts = {"P0": 12, "P1": 12, "P2": 12, "P3": 12, "R0_rect": 9, "Tr_velo_to_cam": 12, "Tr_imu_to_velo": 12}
    other = {"R_rect": "R0_rect", "Tr_velo_cam": "Tr_velo_to_cam", "Tr_imu_velo": "Tr_imu_to_velo"}
    found: dict[str, list[float]] = {}
    for line in _text(path):
        if line.strip():
            key, *words = line.split()
            key = other.get(key.rstrip(":"), key.rstrip(":"))
            require(key in counts and key not in found and len(words) == counts[key], key)
            found[key] = _floats(words)
    require({"P2", "R0_rect", "Tr_velo_to_cam"} <= set(found))
    for key in ("R0_rect", "Tr_velo_to_cam"):
        turn = np.reshape(found[key], (3, -1))[:, :3]
        require(np.abs(turn @ turn.T - np.eye(3)).max() < 3e-3 and np.linalg.det(turn) > 0, "rotation")
    require(found["P2"][0] > 1 and found["P2"][5] > 1 and abs(found["P2"][10] - 1) < 2e-3, "projection")


def _label_file(path: Path, *, before: int = 0) -> None:
    for line in _text(path):
        words = _words(line, 15 + before)
        name = {"Person": "Person_sitting"}.get(words[before], words[before])
        row = _floats(words[:before] + words[before + 1 :])[before:]
        require(name in KITTI | {"DontCare"}, name)
        if name == "DontCare":
            require(row[3] <= row[5] and row[4] <= row[6])
        else:
            _object([0.0, *row[1:]] if before else row, results=False)


def _objects(root: Path) -> None:
    for stem in ("000000", "000001"):
        _label_file(root / "training/label_2" / f"{stem}.txt")
        _calibration(root / "training/calib" / f"{stem}.txt")
    table = root / "frames.csv"
    if table.is_file():
        for line in _text(table)[1:]:
            require(not line or len(line.split(",")) >= 4, "table")


def _drives(root: Path) -> None:
    _objects(root)
    mapping, order = root / "mapping/train_mapping.txt", root / "mapping/train_rand.txt"
    if not (mapping.is_file() and order.is_file()):
        return  # without both, each frame is a drive of its own
    lines = _text(mapping)
    for word in "".join(_text(order)).split(","):
        require(word.strip().isascii() and word.strip().isdigit() and 1 <= int(word) <= len(lines), word)
        words = lines[int(word) - 1].split()
        require(len(words) == 3 and words[2].isdigit(), "mapping")


def _tracks(root: Path) -> None:
    _calibration(root / "calib/0000.txt")
    _label_file(root / "label_02/0000.txt", before=2)


def _argoverse2(root: Path) -> None:
    with pyarrow.OSFile(str(root / "found.feather")) as file:
        table = pyarrow.ipc.open_file(file).read_all()
    table.validate(full=True)
    rows = table.to_pylist()
    frames = {("street-a", 0), ("street-a", 1), ("street-b", 2), ("street-b", 3)}
    times = {(log, 315_966_265_000_000_000 + number * 100_000_000) for log, number in frames}
    count: dict[tuple[str, int], int] = {}
    for row in rows:
        when = (row["log_id"], row["timestamp_ns"])
        require(when in times and type(row["timestamp_ns"]) is int, "frame")
        count[when] = count.get(when, 0) + 1
        require(row["category"] in UPPER_ARGOVERSE, "class")
        for name in ("tx_m", "ty_m", "tz_m"):
            _number(row[name], -1e4, 1e4)
        for name in ("length_m", "width_m", "height_m"):
            _number(row[name], 1e-9, 100)
        _number(row["score"], 0, 1)
        turn = [row[name] for name in ("qw", "qx", "qy", "qz")]
        for one in turn:
            _number(one, -1.1, 1.1)
        require(abs(math.hypot(*turn) - 1) < 2e-2 and math.hypot(turn[1], turn[2]) < 0.6, "quaternion")
    require({log for log, _ in count} == {"street-a", "street-b"}, "logs")
    require(max(count.values()) <= 10_000, "boxes")


_CHECKS: Mapping[str, Callable[[Path], None]] = {
    "own JSON": _own,
    "KITTI text": _kitti_results,
    "nuScenes JSON": _nuscenes,
    "OpenPCDet pickle": _openpcdet,
    "MMDetection3D pickle": _mmdet3d,
    "MMDetection3D samples": _samples,
    "MMDetection3D JSON": _predictions,
    "Argoverse 2 Feather": _argoverse2,
    "claimed numbers": _claim,
    "KITTI objects": _objects,
    "KITTI drives": _drives,
    "KITTI tracks": _tracks,
}
