"""Average precision as the KITTI object benchmark defines it, with intervals over drives.

**What is computed.**  For a category, a metric (``3d``: overlap of volumes, ``bev``: of footprints), an overlap and a
difficulty, over all frames together:

1. *Which labels count.*  A label of the category counts when its image box is at least the difficulty's height and
   neither occlusion nor truncation exceeds its limits.  Labels of the category that do not count, and all labels of its
   neighbour category (van for car, person_sitting for pedestrian), are ignored: to find one is neither right nor wrong.
   Detections lower in the image than the difficulty's height are ignored likewise.  DontCare regions excuse false
   alarms in 2-D overlap only, as in the development kit, hence not here.
2. *Thresholds.*  Labels in their order each take the best-scored detection still free that overlaps by more than the
   minimum.  Scores of detections that took labels that count, in descending order, give the thresholds: for recall 0,
   1/40, ... 1 the score whose recall is nearest, each score used once.
3. *Precision.*  At each threshold matching starts anew among the detections that reach it: each label takes the free
   detection that overlaps it *most*; an ignored detection is taken only if there is no other.  Precision is hits /
   (hits + detections neither taken nor ignored), then made non-increasing from the right.
4. *Average.*  The mean over recall 1/40 ... 1 in percent; recall 0 is dropped (R40, Simonelli et al., Disentangling
   Monocular 3D Object Detection, ICCV 2019).

Steps 1 to 3 are those of ``evaluate_object.cpp`` in the benchmark's development kit (Geiger, Lenz, Urtasun, CVPR 2012),
to the letter when 41 labels or more count.  With fewer, the kit has fewer thresholds than recall positions and gives
even perfect detections (n − 1)/40; here a score stands for every recall position that it reaches, so that perfect
detections have 100 whatever their number.  Resampling makes sets of all sizes, and a cap that moves with the size would
be mistaken for uncertainty.

**Intervals.**  Frames of a drive resemble each other, so drives are drawn with replacement, never frames: 90 % between
the 5th and the 95th percentile of the resampled values.  Matching is done once, a resample only reweights drives.

Left to others: what boxes are (``boxes``), who detects, where numbers are kept (``board``).

Turned down: resampling frames (intervals several times too narrow).  Bias-corrected, accelerated intervals (BCa): their
acceleration is a jackknife over drives, which with ten or twenty drives, one of them holding half the labels, is more
noise than correction; percentiles stay within 0 and 100 by themselves.
"""

from scanyard.metrics.intervals import Difference as Difference
from scanyard.metrics.pool import ScoredFrame as ScoredFrame
from scanyard.metrics.protocols import Protocol as Protocol
from scanyard.metrics.protocols import load_protocol as load_protocol
from scanyard.metrics.protocols import protocol_names as protocol_names
from scanyard.metrics.scoring import evaluate as evaluate
from scanyard.metrics.scoring import evaluate_mean as evaluate_mean
from scanyard.metrics.scoring import paired_difference as paired_difference
