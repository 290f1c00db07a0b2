"""Detectors: train one on recordings, find boxes in a frame, keep what was found.

This room is handed sequences and never opens a dataset; how good a detector is, ``metrics`` says.  ``Detector`` is the
seam; ``train`` makes a ``PillarDetector``, the other detectors need no training.

Tried and turned down:

- Intensity as an input unless asked for: simulated returns are not calibrated well enough, and it cost ten points on
  real scans.
- Plain z with random shifts instead of height above the ground: five to eight points of bird's-eye precision lost.
- A dense first stage and a heat map at 0.4 m: twice the time of a step, for cells of which nine in ten are empty.
- 64 channels in the middle stage instead of 48: four tenths more time a step, the same scores on real scans.
- Both looks trained by the same steps: three to five points of bird's-eye precision lost on real scans.
- A moving average of weights (0.99), of the second look or of both: up to four points lost on unseen synthetic drives
  after 1,500 steps, in one run; +0.4 on real scans in another, which is noise.
- A share of expected overlap in the score of their own for pedestrians and cyclists: 0.5 to 0.71 differ by two points
  at most.
- Sparing pedestrians the loss of overlap by a turn in the second look's lessons: all 57 that the first look had found
  well, in 48 synthetic frames, were taught as right anyway.
- Front and rear told apart by the first look: a network of its own does it once the box stands (``heading``).
"""

from scanyard.detect.checkpoint import TrainingSummary
from scanyard.detect.detections import RecordedDetections, detect_all
from scanyard.detect.detector import PillarDetector, load_detector
from scanyard.detect.detectors import Detector, FixedDetector, OracleDetector
from scanyard.detect.recipe import TrainRecipe
from scanyard.detect.train import Source, train
from scanyard.detections import Detections, FrameDetections, cloud_digest, read_detections, write_detections

__all__ = [
    "Detections",
    "Detector",
    "FixedDetector",
    "FrameDetections",
    "OracleDetector",
    "PillarDetector",
    "RecordedDetections",
    "Source",
    "TrainRecipe",
    "TrainingSummary",
    "cloud_digest",
    "detect_all",
    "load_detector",
    "read_detections",
    "train",
    "write_detections",
]
