"""What a holdout can tell apart: the difference it would show four times in five.

The least detectable difference is (t(1 − α/2) + t(power)) standard errors, t of n − 1 degrees of freedom for n drives
(H. S. Bloom, Minimum detectable effects, Evaluation Review 19:5, 1995).  The standard error is that of the resampled
paired difference: pairs that a drive does much the same to are told apart more easily.

Of several comparisons each is held against its share of α, as the hardest step of Holm's correction does.
"""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from scanyard.geometry import FloatArray

LEVEL = 0.05
"""How often a test may see a difference where there is none."""
POWER = 0.8
"""How often it is to see the difference that is there."""
_NOTHING = 1e-9
"""Percentage points of spread that are rounding: resamples all alike say nothing of what others would have given."""


def detectable_difference(
    differences: FloatArray,
    number: float,
    least_p: float,
    *,
    wider: float | None = None,
    company: int = 1,
    level: float = LEVEL,
    power: float = POWER,
) -> float | None:
    """The least difference that a test at ``level`` shows with probability ``power``, in the unit of ``differences``.

    ``differences`` (R,) are resampled ones, ``number`` is how many drives of equal weight they came from and
    ``least_p`` the smallest p that the test can give; ``None`` where that shows nothing at this level, or where all
    resamples are alike.  ``wider`` is the factor from their spread to that of the difference, where it is not
    √(n / (n - 1)).  ``company`` is how many comparisons p is corrected for.
    """
    differences = differences[~np.isnan(differences)]
    if least_p > level or not len(differences) or float(differences.std()) <= _NOTHING:
        return None
    number = max(number, 2.0)
    error = float(differences.std()) * (np.sqrt(number / (number - 1)) if wider is None else wider)
    return float((stdtrit(number - 1, 1 - level / company / 2) + stdtrit(number - 1, power)) * error)
