"""How far a detection is from the label that it found, one number per pair: place, size, heading, speed, attribute."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanyard.geometry import FloatArray


def scale_error(size_a: FloatArray, size_b: FloatArray) -> FloatArray:
    """One less the intersection over union (P,) of volumes put on top of each other, headings alike."""
    shared = np.minimum(size_a, size_b).prod(axis=1)
    error: FloatArray = 1 - shared / (size_a.prod(axis=1) + size_b.prod(axis=1) - shared)
    return error


def aligned_scale_error(size_a: FloatArray, size_b: FloatArray) -> FloatArray:
    """As ``scale_error``, but (P,) over the volume of the box around both, as Argoverse 2 takes it.

    The two differ where one box is longer and the other wider.
    """
    error: FloatArray = 1 - np.minimum(size_a, size_b).prod(axis=1) / np.maximum(size_a, size_b).prod(axis=1)
    return error


def heading_error(yaw_a: FloatArray, yaw_b: FloatArray, period_rad: FloatArray | float = 2 * np.pi) -> FloatArray:
    """Smallest angle (P,) in radians between headings that repeat every ``period_rad``."""
    apart: FloatArray = np.abs((yaw_a - yaw_b + np.asarray(period_rad) / 2) % period_rad - np.asarray(period_rad) / 2)
    return apart


def velocity_error(velocity_a: FloatArray | None, velocity_b: FloatArray | None, num: int) -> FloatArray:
    """Distance (P,) in m/s of velocities over the ground; NaN where either is not known."""
    if velocity_a is None or velocity_b is None:
        return np.full(num, np.nan)
    error: FloatArray = np.linalg.norm((velocity_a - velocity_b)[:, :2], axis=1)
    return error


def attribute_error(label: NDArray[np.str_] | None, detection: NDArray[np.str_] | None, num: int) -> FloatArray:
    """One (P,) where the attribute is wrong, 0 where it is right, NaN where the label has none."""
    if label is None:
        return np.full(num, np.nan)
    wrong = np.ones(num) if detection is None else (label != detection).astype(np.float64)
    return np.where(label == "", np.nan, wrong)
