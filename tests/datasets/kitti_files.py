"""A small made-up KITTI folder: right in every byte, to be damaged by tests."""

from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

CALIBRATION = """\
P0: 7.000000000000e+02 0.000000000000e+00 6.000000000000e+02 0.000000000000e+00 0.000000000000e+00 7.000000000000e+02 \
1.800000000000e+02 0.000000000000e+00 0.000000000000e+00 0.000000000000e+00 1.000000000000e+00 0.000000000000e+00
P2: 7.000000000000e+02 0.000000000000e+00 6.000000000000e+02 4.200000000000e+01 0.000000000000e+00 7.000000000000e+02 \
1.800000000000e+02 0.000000000000e+00 0.000000000000e+00 0.000000000000e+00 1.000000000000e+00 2.000000000000e-03
R0_rect: 9.999500004167e-01 9.999833334167e-03 0.000000000000e+00 -9.999833334167e-03 9.999500004167e-01 \
0.000000000000e+00 0.000000000000e+00 0.000000000000e+00 1.000000000000e+00
Tr_velo_to_cam: 0.000000000000e+00 -1.000000000000e+00 0.000000000000e+00 0.000000000000e+00 0.000000000000e+00 \
0.000000000000e+00 -1.000000000000e+00 -8.000000000000e-02 1.000000000000e+00 0.000000000000e+00 0.000000000000e+00 \
-2.700000000000e-01

"""
LABELS = """\
DontCare -1 -1 -10 503.89 169.71 590.61 190.13 -1 -1 -1 -1000 -1000 -1000 -10
Car 0.00 0 -1.57 560.00 170.00 640.00 210.00 1.50 1.60 4.00 0.25 1.70 20.00 -1.57
Pedestrian 0.12 3 0.19 330.06 178.74 360.77 238.64 1.87 0.96 0.65 -8.50 2.07 23.02 1.59
DontCare -1 -1 -10 5.00 229.89 214.12 367.61 -1 -1 -1 -1000 -1000 -1000 -10
Cyclist 0.65 1 2.90 0.00 178.74 60.77 238.64 1.74 0.60 1.80 -9.50 1.60 12.50 2.26
"""
DRIVES = {"000000": ("drive_a", 12), "000001": ("drive_b", 3), "000002": ("drive_a", 4)}


def kitti_folder(root: Path) -> Path:
    """Three frames of two drives; the first has an image."""
    split = root / "training"
    for folder in ("velodyne", "label_2", "calib", "image_2"):
        (split / folder).mkdir(parents=True)
    for index, name in enumerate(DRIVES):
        rng = np.random.default_rng(index)
        points = np.concatenate([rng.uniform(-40, 40, (200, 3)), rng.random((200, 1))], axis=1).astype(np.float32)
        points.tofile(split / "velodyne" / f"{name}.bin")
        (split / "label_2" / f"{name}.txt").write_text(LABELS)
        (split / "calib" / f"{name}.txt").write_text(CALIBRATION)
    pixels = np.random.default_rng(9).integers(0, 256, (37, 124, 3), dtype=np.uint8)
    PillowImage.fromarray(pixels).save(split / "image_2" / "000000.png")
    rows = [f"training,{name},{drive},{raw},1242,375" for name, (drive, raw) in DRIVES.items()]
    (root / "frames.csv").write_text("subset,id,drive,raw_frame,width,height\n" + "\n".join(rows) + "\n")
    return root
