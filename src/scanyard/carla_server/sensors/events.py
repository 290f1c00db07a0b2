"""A dynamic vision sensor: no pictures, but an event wherever the logarithm of the light has changed by a threshold.

As in ESIM (Rebecq et al., 2018), the light at a pixel is taken to go straight from one frame's value to the next, and
each time it crosses the pixel's reference by ``positive_threshold`` up or ``negative_threshold`` down there is an
event at that time, and the reference moves by the threshold.  So events fall between frames, to the nanosecond; a
shorter time step makes them truer.  Attributes are CARLA's: ``sigma_positive_threshold`` and
``sigma_negative_threshold`` spread the thresholds (drawn once per pixel and frame), ``refractory_period_ns`` silences
a pixel after an event (the reference moves on), ``use_log`` "False" compares grey values 0 to 1 instead of
log(``log_eps`` + grey).

The first frame has no events.  Grey is 0.2989 R + 0.587 G + 0.114 B of the RGB picture, over 255.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol.packets import DVS_EVENT
from scanyard.carla_server.sensors.context import is_on, number

Array32 = NDArray[np.float32]
Times = NDArray[np.int64]

GREY = (0.2989, 0.587, 0.114)
SMALLEST_THRESHOLD = 0.01
"""A drawn threshold is at least this: a smaller one would flood the stream."""
_LONG_AGO = np.iinfo(np.int64).min // 2


@dataclass(frozen=True)
class Thresholds:
    """How a sensor decides."""

    positive: float
    negative: float
    sigma_positive: float
    sigma_negative: float
    refractory_ns: int
    uses_log: bool
    log_eps: float

    @classmethod
    def of(cls, attributes: Mapping[str, str]) -> Thresholds:
        """The thresholds of a sensor with these blueprint attributes."""
        return cls(
            number(attributes, "positive_threshold", 0.3), number(attributes, "negative_threshold", 0.3),
            number(attributes, "sigma_positive_threshold", 0.0), number(attributes, "sigma_negative_threshold", 0.0),
            int(number(attributes, "refractory_period_ns", 0.0)),
            is_on(attributes, "use_log") or "use_log" not in attributes,
            number(attributes, "log_eps", 0.001),
        )  # fmt: skip

    def brightness(self, picture: NDArray[np.uint8]) -> Array32:
        """What is compared, (M,), of a picture (H, W, 4), B, G, R, A."""
        red, green, blue = (picture[..., channel].reshape(-1).astype(np.float32) for channel in (2, 1, 0))
        grey = (red * np.float32(GREY[0]) + green * np.float32(GREY[1]) + blue * np.float32(GREY[2])) / np.float32(255)
        return np.asarray(np.log(grey + np.float32(self.log_eps)) if self.uses_log else grey)


@dataclass
class Retina:
    """What each of M pixels remembers."""

    last: Array32
    """(M,) brightness in the last frame."""
    reference: Array32
    """(M,) brightness at the last event."""
    fired_ns: Times
    """(M,) time of the last event sent."""
    time_ns: int
    """Of the last frame."""

    @classmethod
    def opened(cls, brightness: Array32, time_ns: int) -> Retina:
        """One that has just begun to look."""
        return cls(brightness, brightness.copy(), np.full(len(brightness), _LONG_AGO), time_ns)

    def events(
        self, brightness: Array32, time_ns: int, width: int, thresholds: Thresholds, draw: np.random.Generator
    ) -> NDArray[Any]:
        """Events (N,) of dtype ``DVS_EVENT`` since the last frame, by time, then by pixel."""
        change = brightness - self.reference
        up = change > 0
        step = np.where(
            up,
            _drawn(thresholds.positive, thresholds.sigma_positive, len(change), draw),
            _drawn(thresholds.negative, thresholds.sigma_negative, len(change), draw),
        )
        count = np.floor(np.abs(change) / step).astype(np.int64)
        pixel = np.flatnonzero(count)
        count, step, up = count[pixel], step[pixel], up[pixel]
        signed = np.where(up, step, -step)
        began, ended = self.last[pixel].astype(np.float64), brightness[pixel].astype(np.float64)
        which = np.repeat(np.arange(len(pixel)), count)
        order = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count) + 1
        crossed = self.reference[pixel][which] + order * signed[which]
        slope = (ended - began)[which]
        share = np.divide(crossed - began[which], slope, out=np.ones(len(which)), where=slope != 0)
        t = self.time_ns + np.round(np.clip(share, 0, 1) * (time_ns - self.time_ns)).astype(np.int64)
        self.reference[pixel] += (count * signed).astype(np.float32)
        self.last, self.time_ns = brightness, time_ns
        sent = self._sent(pixel, which, order, t, thresholds.refractory_ns)
        found = np.empty(len(sent), DVS_EVENT)
        found["y"], found["x"] = np.divmod(pixel[which[sent]], width)
        found["t"], found["polarity"] = t[sent], up[which[sent]]
        return found[np.argsort(found["t"], kind="stable")]

    def _sent(
        self, pixel: NDArray[np.int64], which: NDArray[np.int64], order: NDArray[np.int64], t: Times, refractory_ns: int
    ) -> NDArray[np.int64]:
        """Which events are sent: those of a pixel at least ``refractory_ns`` after the one sent before."""
        kept = np.zeros(len(t), bool)
        last = self.fired_ns[pixel]
        rounds = int(order.max(initial=0)) if refractory_ns > 0 else 0
        for turn in range(1, rounds + 1):  # the k-th event of every pixel at once
            now = np.flatnonzero(order == turn)
            now = now[t[now] - last[which[now]] >= refractory_ns]
            kept[now] = True
            last[which[now]] = t[now]
        if refractory_ns <= 0:
            kept[:] = True
            last[which] = t
        self.fired_ns[pixel] = last
        return np.flatnonzero(kept)


def _drawn(threshold: float, sigma: float, count: int, draw: np.random.Generator) -> Any:
    if sigma <= 0:
        return max(threshold, SMALLEST_THRESHOLD)
    return np.maximum(draw.normal(threshold, sigma, count), SMALLEST_THRESHOLD)
