"""Detections from elsewhere: a file per format, read into our ``Detections`` and written from them.

What it is for: ``open_results(path)`` recognises whose results a file or folder holds, ``.detections(known)`` reads
them against the frames they are about; ``write_kitti_text`` and ``write_nuscenes`` write two of the formats.  A file
that is damaged, or says what no detector can mean, is refused with its line, entry or box; nothing of it is scored.

Frames are called by their own names, or by what an export of ours called them (``exported``).  Both may be numbers of
six digits: where one can mean two frames, the file is refused until somebody says which.

What it leaves to others: our own JSON, which needs nothing but itself (``scanyard.detections``); whether every frame is
there, once, and fits its labels (``metrics.contract``); what a box can be at all (``plausible``).

Why a room of its own, above ``datasets``: a dataset's reader makes recordings, a results reader needs them.  It takes
KITTI's camera from ``datasets``, projection from ``label`` and class names from ``metrics``, which must not know each
other.

Turned down.  Loading tensors from pickles with torch's weights-only loader: MMDetection3D wraps them in its own box
classes, which that loader refuses as well, and a sentence that says how to convert is more use.  Taking that reading of
ids under which more boxes meet labels: a poor detector would be scored by chance, and a good score would prove nothing.
"""

from scanyard.results.exported import NUMBERED as NUMBERED
from scanyard.results.exported import Exported as Exported
from scanyard.results.exported import exported_around as exported_around
from scanyard.results.exported import read_exported as read_exported
from scanyard.results.formats import FORMATS as FORMATS
from scanyard.results.formats import Results as Results
from scanyard.results.formats import open_results as open_results
from scanyard.results.frames import KnownFrame as KnownFrame
from scanyard.results.frames import KnownFrames as KnownFrames
from scanyard.results.frames import known_frames as known_frames
from scanyard.results.kitti_text import write_kitti_text as write_kitti_text
from scanyard.results.nuscenes_json import write_nuscenes as write_nuscenes
