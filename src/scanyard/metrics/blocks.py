"""Contiguous blocks of frames, where there are too few drives to draw.

Neighbouring frames show the same cars in the same light, so frames cannot be drawn one by one; runs of frames can, if
they are so long that what one run holds says little about the next.  How long that is, is estimated and never assumed:
blocks of 1, 2, ... frames are drawn in turn, and the spread of the resampled score grows with the length until blocks
are longer than what the frames remember.  The highest spread over that of single frames is the integrated correlation
time τ, in frames: so many frames are worth one (H. Flyvbjerg, H. G. Petersen, Error estimates on averages of correlated
data, J. Chem. Phys. 91, 1989).  It is the score's own, whatever its protocol, and 1 where frames do not resemble each
other.

Blocks are circular: they begin anywhere in their drive and go on at its beginning (D. N. Politis, J. P. Romano, A
circular block-resampling procedure for stationary data, 1992).  Drawn as they are, their spread comes out too small,
for two reasons that are both put right:

- A drive keeps its own mean through all draws, as if one block of it were fixed.  What the spread loses by that is
  known (``share_kept``), and of as many blocks as there are, one per drive says nothing.
- A block's ends cut correlations off, and the spread lacks about their reach over the block's length (H. R. Künsch, The
  jackknife and the bootstrap for general stationary observations, Ann. Stat. 17, 1989).  Blocks of half the length lack
  twice that, so twice the one spread less the other lacks nothing of first order (D. N. Politis, J. P. Romano,
  Bias-corrected nonparametric spectral estimation, J. Time Ser. Anal. 16, 1995).

Long blocks are few, and a spread from few says little of itself: the interval is as wide as Student's t asks for.  That
keeps what it promises where more and shorter blocks, or blocks as they were drawn, do not.  Of 500 slowly drifting
frames that were worth 70 the latter held the known score 86.5 times in 100, and told equal detectors apart 7.7 times;
as they are now it is 90.6 and 4.0 times, of 500 trials.

Such an interval speaks of these drives alone, had they been longer; of other drives it says nothing.  And what drifts
so slowly that a drive sees it rise or fall but once is not seen drifting at all, so that frames which remember a
twentieth of their drive give too narrow an interval all the same (``tools/bench coverage``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scanyard.geometry import FloatArray
from scanyard.metrics.pool import IntArray
from scanyard.randomness import stream

PER_CORRELATION_TIME = 15
"""Length of a block in correlation times, if the frames suffice."""
LEAST_PER_CORRELATION_TIME = 5
"""Length of a block in correlation times below which its spread is not to be trusted."""
MIN_BLOCKS = 8
"""As few as the t quantiles of so few still repair; ``tools/bench coverage`` shows it."""
MAX_BLOCKS = 16
"""As many as make t nearly normal; with more, blocks would be shorter for a correlation time underestimated by chance,
and nothing gained."""
_STEP = 2**0.5
_PROBES = 200
"""Draws of each length tried: their variance is known to a tenth, better than any estimate from so few frames."""


@dataclass(frozen=True)
class BlockDraws:
    """One number under draws of blocks."""

    length: int
    """Frames in a block."""
    values: FloatArray
    """(R,) NaN where a draw holds no label."""
    number: float
    """How many blocks the frames make, each drive's first not counted from the second drive on."""
    kept: float
    """Share of the variance that the draws keep (``share_kept``)."""
    wider: float
    """Factor on the standard deviation of ``values``: with it, that of the score."""

    @property
    def cut_off(self) -> float:
        """Factor, 1 or more, on differences of swapped blocks, which lack only what blocks' ends cut off."""
        return 1 / math.sqrt(1 / self.wider**2 + 1 - self.kept)

    @property
    def words(self) -> str:
        """What was drawn, in words."""
        return f"block of {self.length} frames"


def draw_blocks(
    measure: Callable[[IntArray], FloatArray], frame_drive: IntArray, *, resamples: int, seed: int
) -> list[BlockDraws | None]:
    """Draw blocks for each of K numbers, as long as that number asks for; ``None`` where frames are too few for it.

    ``measure`` takes copies (M, F) of frames and answers with values (K, M); ``frame_drive`` (F,) says which drive a
    frame is of, and frames of a drive are in the order of time.
    """
    num_frames, num_drives = len(frame_drive), len(np.unique(frame_drive))
    lengths = block_lengths(num_frames, num_drives)
    if not lengths:
        return [None] * len(measure(np.ones((1, num_frames), dtype=np.int64)))
    kept = np.array([share_kept(frame_drive, length) for length in lengths])
    tried = [measure(resampled_blocks(frame_drive, length, _PROBES, seed)) for length in lengths]
    spreads = np.array([[_spread(values) for values in of_length] for of_length in tried]) / kept[:, None]
    least = num_frames / MAX_BLOCKS
    chosen = [block_length(correlation_time(column), lengths, least) for column in spreads.T]
    wanted = {length for length in chosen if length is not None}
    drawn = {
        length: measure(resampled_blocks(frame_drive, length, resamples, seed))
        for length in wanted | {length // 2 for length in wanted}
    }
    return [
        None
        if length is None or np.isnan(drawn[length][k]).all()
        else _draws(frame_drive, length, drawn[length][k], drawn[length // 2][k])
        for k, length in enumerate(chosen)
    ]


def _draws(frame_drive: IntArray, length: int, values: FloatArray, of_half: FloatArray) -> BlockDraws:
    """One number, given its values (R,) under draws of blocks of this length and of half of it."""
    kept, of_shorter = share_kept(frame_drive, length), share_kept(frame_drive, length // 2)
    number = len(frame_drive) / length - len(np.unique(frame_drive)) + 1
    wider = spread_factor((_spread(values), _spread(of_half)), (length, length // 2), (kept, of_shorter))
    return BlockDraws(length, values, number, kept, wider)


def _spread(values: FloatArray) -> float:
    """Variance of those draws that hold a label."""
    values = values[~np.isnan(values)]
    return float(values.var()) if len(values) else 0.0


def block_lengths(num_frames: int, num_drives: int = 1) -> tuple[int, ...]:
    """Lengths to try, 1 first, the longest such that ``MIN_BLOCKS`` are left; none where frames are fewer."""
    longest = num_frames // (MIN_BLOCKS - 1 + num_drives)
    if longest < 1:
        return ()
    steps = int(np.ceil(np.log(longest) / np.log(_STEP)))
    return tuple(sorted({1, longest, *(min(longest, round(_STEP**k)) for k in range(steps))}))


def share_kept(frame_drive: IntArray, length: int) -> float:
    """Share of a mean's variance that is left when drives keep their own means: 1 - 1/B of B blocks of one drive."""
    frames = np.bincount(frame_drive)
    return float(1 - np.minimum(frames, length).sum() / frames.sum())


def correlation_time(spreads: FloatArray) -> float:
    """Frames that are worth one, from the variances (L,) of a score over draws of blocks of growing length, 1 first."""
    if not spreads[0] > 0:
        return 1.0  # all draws of frames alike: nothing varies
    return max(1.0, float(np.max(spreads / spreads[0])))


def block_length(time: float, lengths: tuple[int, ...], least: float) -> int | None:
    """The length for a correlation time in frames, ``least`` or more; ``None`` where frames are too few for it."""
    if lengths[-1] < LEAST_PER_CORRELATION_TIME * time:
        return None
    return next((length for length in lengths if length >= max(PER_CORRELATION_TIME * time, least)), lengths[-1])


def spread_factor(spreads: tuple[float, float], lengths: tuple[int, int], kept: tuple[float, float]) -> float:
    """Factor from a standard deviation over draws of blocks to that of the score, from draws of a long and a short one.

    Of the score's variance W the draws have W (1 - c / length) - W (1 - kept), c being the reach of correlations, so
    length times variance is W (kept length - c): of two lengths the difference knows nothing of c.  By chance it may
    come out below what c = 0 would give, and nothing is taken off then.
    """
    if not spreads[0] > 0:
        return 1 / math.sqrt(kept[0])
    whole = (lengths[0] * spreads[0] - lengths[1] * spreads[1]) / (lengths[0] * kept[0] - lengths[1] * kept[1])
    return math.sqrt(max(whole / spreads[0], 1 / kept[0]))


def resampled_blocks(frame_drive: IntArray, length: int, resamples: int, seed: int) -> IntArray:
    """Copies (R, F) of each frame in R draws: every drive is made up anew from blocks of its own frames.

    ``frame_drive`` (F,) says which drive a frame is of; frames of a drive are in the order of time.
    """
    random = stream("blocks", length, seed)
    copies = np.zeros((resamples, len(frame_drive)), dtype=np.int64)
    for drive in np.unique(frame_drive):
        frames = np.flatnonzero(frame_drive == drive)
        each = min(length, len(frames))
        first = random.integers(0, len(frames), (resamples, -(-len(frames) // each)))
        within = (first[:, :, None] + np.arange(each)) % len(frames)
        drawn = frames[within.reshape(resamples, -1)[:, : len(frames)]]
        np.add.at(copies, (np.arange(resamples)[:, None], drawn), 1)
    return copies


def cut_in_blocks(frame_drive: IntArray, length: int) -> IntArray:
    """Which block (F,) each frame is in, when every drive is cut into blocks of about this length, one at least."""
    block = np.zeros(len(frame_drive), dtype=np.int64)
    count = 0
    for drive in np.unique(frame_drive):
        frames = np.flatnonzero(frame_drive == drive)
        pieces = np.array_split(frames, max(1, round(len(frames) / length)))
        for number, piece in enumerate(pieces, start=count):
            block[piece] = number
        count += len(pieces)
    return block
