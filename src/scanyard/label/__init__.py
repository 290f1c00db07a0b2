"""Labels: from what the simulator knows to what a sensor could have seen.

What it is for: ``label_frame`` gives each actor its returns, visible fraction, truncation and KITTI occlusion level,
keeps those with enough returns as ``boxes``, and marks those that are visible but not enough as ``dont_care`` regions.
``track_faults`` checks a recording for tracks that jump or change.

What it leaves to others: where actors are (``sim``), what the sensor returned (``realism``), the format labels are
written in (``datasets``).  The class and instance of each point stay where the simulator put them, in the sweep.

What was tried and turned down.  Testing every box against every point: 35 to 80 ms a frame where sorting rays into
azimuth sectors takes 8.  Visibility from the camera's instance image: it says nothing about boxes behind the ego
vehicle, and parked cars have no id there.
"""

from scanyard.label.tracks import TrackFault, track_faults
from scanyard.label.visible import MIN_POINTS, label_frame, occlusion_level

__all__ = ["MIN_POINTS", "TrackFault", "label_frame", "occlusion_level", "track_faults"]
