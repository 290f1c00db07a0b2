"""How much of a detector's precision is left on a worse day: its scores under every corruption at every severity.

What it is for: ``measure_robustness`` runs a detector over a split, clean and corrupted, and says

- average precision (AP) clean, and for every corruption and severity,
- the **resilience rate** of a corruption: the mean AP over its severities, in percent of the clean AP,
- with a reference detector, the **corruption error**: the sum over severities of 100 − AP, in percent of the
  reference's; below 100 is better than the reference,

and the means of both over the corruptions (mRR and mCE, as Robo3D has them: Kong et al., ICCV 2023; the idea is that
of Hendrycks and Dietterich, ICLR 2019).  Every number carries a 90 % interval: each cell is matched once, then drives
are drawn with replacement for all cells and both detectors together, and the figures are worked out anew from each
draw.  A ratio of two scores that share their drives is thus surer than either.

Left to others: the corruptions (``corrupt``), detecting (``detect``), matching (``metrics``).  Labels are those of the
clean frames, also where a corruption leaves no return of an object: what fog hides is still there.

Turned down: corruption error against the clean detector itself (that is the resilience rate, which does not blow up
where the clean detector is nearly perfect).  Keeping spoilt frames (41 copies of a dataset to be read once).
"""

from scanyard.robustness.figures import CLEAN, CorruptionFigures, Figure, Robustness, Run, robustness_of
from scanyard.robustness.measure import measure_robustness, run_detectors
from scanyard.robustness.page import write_robustness
from scanyard.robustness.picture import write_picture
from scanyard.robustness.precision import Target

__all__ = [
    "CLEAN",
    "CorruptionFigures",
    "Figure",
    "Robustness",
    "Run",
    "Target",
    "measure_robustness",
    "robustness_of",
    "run_detectors",
    "write_picture",
    "write_robustness",
]
