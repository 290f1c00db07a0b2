"""Pictures: bird's-eye views, camera overlays, charts and the one-file HTML report.

What it leaves to others: every number it shows.  It draws nouns and finished scores; it trains, scores and reads
nothing itself.

Tried and turned down: WebGL for the point cloud (a software rasteriser of 200 lines turns 60,000 points at display
rate, works where no GPU driver does, and headless browsers take its picture); a plotting library in the page (a
megabyte for two line charts); points at full count (five million bytes a sweep say no more to the eye).
"""

from scanyard.view.birdseye import draw_birdseye
from scanyard.view.causes import write_causes
from scanyard.view.contents import (
    ArmStanding,
    Contrast,
    Detections,
    LossCurve,
    Row,
    SourceCard,
    at_strictest,
    headlines,
    named,
    over_all_seeds,
)
from scanyard.view.findings import Cell, Equivalent, Findings, MixingCurve, MixPoint, SizePoint
from scanyard.view.overlay import draw_overlay
from scanyard.view.report import write_report

__all__ = [
    "ArmStanding",
    "Cell",
    "Contrast",
    "Detections",
    "Equivalent",
    "Findings",
    "LossCurve",
    "MixPoint",
    "MixingCurve",
    "Row",
    "SizePoint",
    "SourceCard",
    "at_strictest",
    "draw_birdseye",
    "draw_overlay",
    "headlines",
    "named",
    "over_all_seeds",
    "write_causes",
    "write_report",
]
