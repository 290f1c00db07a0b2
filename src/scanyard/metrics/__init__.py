"""How good detections are, by the rules of four benchmarks, with intervals over drives.

**Families.**  ``evaluate(frames, protocol)`` scores under a named protocol, a frozen file in ``protocols``.  What a
number means is said where it is computed, with the source of every formula:

- ``kitti``: ``kitti_r40``, ``kitti_r11`` (3-D and bird's-eye), ``kitti_image_r40``, ``kitti_image_r11`` (2-D, AOS)
- ``nuscenes``: ``nuscenes`` (mAP, five errors, NDS); matching in ``centre_matching``
- ``argoverse2``: ``argoverse2``, ``argoverse2_class_range`` (AP, three errors, CDS, without maps)
- ``waymo``: ``waymo`` (AP and APH at levels 1 and 2); matching in ``assignment``

All see the same frames side by side (``pool``), overlaps that are exact and computed once (``overlap``), and hand back
numbers for any mixture of drives (``measured``), so that intervals and differences are written once.  What is compiled
with numba is the matching, which depends on order and cannot be done array by array, and the walk through ranked
detections that many resamples share.  ``tools/parity`` holds nuScenes and Argoverse 2 against the official packages.

**Causes.**  ``explain`` says why a score is what it is: ``slices`` of the objects, what each kind of error costs
(``error_kinds``, ``breakdown``), and what traffic would make of it (``weights``).  All take the one precision of each
category apart that ``headline`` names, and judge the same matching anew; ``running`` scores in batches.

**Contract.**  Before every score and comparison ``contract`` asks whether labels and detections share frames, names,
axes, box conventions, range and region, and whether the protocol gives these very labels everything when they are
handed in as detections; it refuses by name.  ``claims`` does the same for published numbers.

**Intervals.**  Frames of a drive resemble each other, so drives are drawn with replacement, never frames: 90 % between
percentiles of the resampled values, farther out than the 5th and the 95th as there are fewer drives (``intervals``).
Matching is done once, a resample only reweights drives.  Where fewer than five drives hold labels, contiguous blocks of
frames are drawn, as long as the frames' own correlation asks for, and the interval says so (``blocks``); there is no
drawing of single frames.

**Comparisons.**  Two detectors are compared on the same drives: interval of the difference, p by swapping their drives
(``permutation``), families corrected (``multiplicity``), and what could have been told apart at all (``power``).  A
pair that cannot be swapped is untested and says why, which is not the same as no difference shown.
``tools/bench coverage`` holds all of it against simulated detectors whose true scores are known, ``tools/bench parts``
the intervals of slices, costs and weighted scores of one drive.

Left to others: what boxes are (``boxes``), who detects, where numbers are kept (``board``).

Turned down: resampling frames (intervals several times too narrow).  Bias-corrected, accelerated intervals (BCa): their
acceleration is a jackknife over drives, which with ten or twenty drives, one of them holding half the labels, is more
noise than correction (measured: they hold the truth 84 to 87 times in 100 where widened percentiles do 88 to 91).
Student's t from a jackknife: average precision goes in steps, and leaving out one drive or frame jumps over one or does
not.  One matching rule with switches for all four: who chooses, in which order, among what, differs in each, and the
switches were harder to read than four short loops.
"""

from scanyard.metrics.breakdown import Breakdown as Breakdown
from scanyard.metrics.breakdown import Cost as Cost
from scanyard.metrics.breakdown import explain_errors as explain_errors
from scanyard.metrics.breakdown import has_kinds as has_kinds
from scanyard.metrics.causes import Causes as Causes
from scanyard.metrics.causes import explain as explain
from scanyard.metrics.claims import check_claim as check_claim
from scanyard.metrics.contract import NamedBoxes as NamedBoxes
from scanyard.metrics.contract import check_contract as check_contract
from scanyard.metrics.contract import pair_frames as pair_frames
from scanyard.metrics.intervals import Difference as Difference
from scanyard.metrics.pool import ScoredFrame as ScoredFrame
from scanyard.metrics.protocols import Protocol as Protocol
from scanyard.metrics.protocols import load_protocol as load_protocol
from scanyard.metrics.protocols import protocol_names as protocol_names
from scanyard.metrics.running import RunningScore as RunningScore
from scanyard.metrics.scoring import evaluate as evaluate
from scanyard.metrics.scoring import evaluate_mean as evaluate_mean
from scanyard.metrics.scoring import paired_difference as paired_difference
from scanyard.metrics.scoring import paired_mean_difference as paired_mean_difference
from scanyard.metrics.side_by_side import SideBySide as SideBySide
from scanyard.metrics.side_by_side import side_by_side as side_by_side
from scanyard.metrics.slices import SliceBy as SliceBy
from scanyard.metrics.slices import SliceScore as SliceScore
from scanyard.metrics.slices import evaluate_slices as evaluate_slices
from scanyard.metrics.standing import Order as Order
from scanyard.metrics.standing import Pair as Pair
from scanyard.metrics.standing import Standing as Standing
from scanyard.metrics.standing import order_measured as order_measured
from scanyard.metrics.standing import put_in_order as put_in_order
from scanyard.metrics.standing import usual_precision as usual_precision
from scanyard.metrics.weights import Weighted as Weighted
from scanyard.metrics.weights import evaluate_weighted as evaluate_weighted
from scanyard.metrics.weights import with_exposure as with_exposure
from scanyard.metrics.weights import with_weights as with_weights
