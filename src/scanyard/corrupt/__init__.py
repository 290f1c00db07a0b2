"""Sweeps as a worse day or a worse sensor would have returned them, for synthetic and real frames alike.

What it is for: asking a detector for more than a fair day.  ``CORRUPTIONS`` names eight ways to spoil a sweep, each at
severity 1 (mild) to 5; ``corrupt_frame`` spoils one frame and ``corrupted`` a whole recording, lazily, as a
``SensorSequence`` that can be detected on or written to a store like any other.

- ``fog``, ``rain``, ``snow`` (``weather``): light is lost on the way, droplets and flakes answer instead of targets
- ``beam_loss``, ``crosstalk``, ``incomplete_echo`` (``faults``): dead beams, other sensors' pulses, dark cars unseen
- ``motion_blur``, ``miscalibration`` (``displacement``): returns put where they were not

Each is a pure function of a frame, a LiDAR, a severity and a random stream; its severities are a constant beside it, in
physical units.  Streams are keyed by (seed, sequence, frame, sensor, corruption) and not by severity, so a milder
severity loses a subset of what a harsher one loses.  What outlasts a frame (dead beams, a bent mount) has a stream
without the frame.  Labels and images stay as they are; echoes that no object gave have semantic tag and instance 0.

What a sweep lacks is derived (``beams``): KITTI's scans have neither rings nor times, so rings come from the beam
table of the rig, the moment of firing from the azimuth.  Reflectance cannot be derived: weather takes a typical one,
``incomplete_echo`` refuses.  The family of corruptions is that of Robo3D (Kong et al., ICCV 2023) and of Dong et al.
(CVPR 2023); generators and severities are our own, so figures made with them cannot be compared with theirs.

Left to others: what a healthy sensor does (``realism``), what corruptions do to a detector (``robustness``), cameras:
pictures stay clear.

Turned down: fixed shares of lost and added returns for weather (the same for a near wall and a far dark car; shares
here follow from extinction and echo power).  Wet ground (its mirror images need the scene, not the sweep).  Tests
across sensors (a simulated rig does that better).  Intensity scaled back after attenuation: none knows the weather.
"""

from scanyard.corrupt.catalogue import CORRUPTIONS, SEVERITIES, Corruption, Kind, corrupt_frame, corruption
from scanyard.corrupt.view import CorruptedSequence, corrupted

__all__ = [
    "CORRUPTIONS",
    "SEVERITIES",
    "CorruptedSequence",
    "Corruption",
    "Kind",
    "corrupt_frame",
    "corrupted",
    "corruption",
]
