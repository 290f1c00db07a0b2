"""Whether two detectors differ: what their difference would be if it were a matter of chance which is which.

If the two were equally good, the detections of a drive could as well have been those of the other.  So they are
swapped, drive by drive, and the difference taken anew; p is the share of swaps that give as great a difference as the
one found, to either side.  Few drives are swapped in every way, and p is exact.  Of many, swaps are drawn, and the one
found counts among them: (1 + as great) / (1 + drawn), which is never 0 and never rejects too often (B. Phipson, G. K.
Smyth, Permutation p-values should never be zero, Stat. Appl. Genet. Mol. Biol. 9:1, 2010).

Blocks of frames are not quite independent of their neighbours, which swapping takes them for: its differences come out
too small by what blocks' ends cut off, and are made so much greater (``blocks``).

With D drives p is at least 2 / 2^D: five drives can show nothing at the 5 % level, whatever the difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.geometry import FloatArray
from scanyard.randomness import stream

EXACT_UNITS = 12
"""Up to here every way to swap is tried: 2,048 of them, the mirror image of each being as great."""
_SAME = 1e-9
"""Percentage points within which differences are equal: sums of the same numbers in another order."""


@dataclass(frozen=True)
class Swaps:
    """Ways to swap the detections of U drives between two detectors."""

    swapped: NDArray[np.bool_]
    """(M, U)"""
    exact: bool
    """They are all there are, up to mirror images; the first swaps nothing."""


def swaps(num_units: int, draws: int, seed: int) -> Swaps:
    """Every way to swap, of few drives; of many ``draws`` ways drawn, the same for the same seed."""
    if num_units <= EXACT_UNITS:
        number = np.arange(2 ** max(num_units - 1, 0))  # the last drive stays: swapping all but it is the mirror image
        return Swaps((number[:, None] >> np.arange(num_units)) % 2 == 1, exact=True)
    return Swaps(stream("swaps", seed).random((draws, num_units)) < 0.5, exact=False)


def permutation_p(difference: float, swapped: FloatArray, *, exact: bool, greater: float = 1.0) -> float:
    """The two-sided p of a difference, from those (M,) under ``swaps``; a swap without a label to find is left out.

    ``greater`` is the factor, 1 or more, on what swapping gives where the units swapped are not quite independent.
    """
    swapped = greater * swapped[~np.isnan(swapped)]
    as_great = int(np.count_nonzero(np.abs(swapped) >= abs(difference) - _SAME))
    if exact:
        return as_great / len(swapped)
    return (1 + as_great) / (1 + len(swapped))


def least_p(num_units: int) -> float:
    """The smallest p that swapping so many drives can give, if the two differ in all of them."""
    return 2.0 ** (1 - num_units)


def least_p_of(difference: float, swapped: FloatArray, *, exact: bool, greater: float = 1.0) -> float:
    """The smallest p that these very swaps (M,) can give, whichever of them had been found.

    Swapping a drive in which the two do not differ changes nothing: with twelve drives, and differences in five of
    them, it is that of five.  Never above the p of the ``difference`` found; 1 where no swap changes anything.
    """
    greatest = float(np.nanmax(np.abs(np.append(swapped, difference))))
    return permutation_p(greatest, swapped, exact=exact, greater=greater)
