"""Dataset formats, a file per format: other people's files to our nouns and back.

What it is for: ``kitti.read_sequences`` and ``kitti.write_frames`` (object layout), ``kitti_tracking`` (tracking
layout, read only).  A format's axes, sizes, angles and sentinels are converted here and appear nowhere else.

What it leaves to others: keeping frames (``store``), choosing drives (``split``), making labels (``label``).

What was tried and turned down.  Deriving KITTI's ``alpha`` on writing: neither the box's bearing from camera 0 nor that
from camera 2 gives the annotators' last digit (335 real labels: 162 and 145 agree), so the file's value is kept where
it differs.  Putting ``DontCare`` lines last: real files mix them, so their places are kept too.
"""
