"""Dataset formats, a file per format: other people's files to our nouns and back.

What it is for: ``read_sequences`` and ``write_dataset`` (KITTI: ``write_frames``) of each layout:

    kitti, kitti_tracking                     object layout in and out, tracking layout in
    nuscenes, nuscenes_write                  tables, clouds and images, in and out
    argoverse2, argoverse2_write              Feather tables, in and out
    openpcdet, mmdet3d                        what these detectors train from, in and out (``levelled``)
    samples                                   loose scans with JSON beside them, in
    mcap_recording, rerun_recording           to look at, out
    croissant, preview                        a dataset's card, and tables without points, out

A format's axes, sizes, angles and sentinels are converted here and appear nowhere else.  ``classes`` says what each
data set calls things, ``origin`` carries licences, drives and rigs along, ``axes`` notices what was read mirrored.

What it leaves to others: keeping frames (``store``), choosing drives (``split``), making labels (``label``).

What was tried and turned down.  Deriving KITTI's ``alpha`` on writing: neither the box's bearing from camera 0 nor that
from camera 2 gives the annotators' last digit (335 real labels: 162 and 145 agree), so the file's value is kept where
it differs.  Putting ``DontCare`` lines last: real files mix them, so their places are kept too.  Writing nuScenes'
boxes upright in the world: with an ego that leans by 0.03 rad, the way back misses the yaw by up to 8e-4.  Foxglove's
messages as protobuf: a third smaller, for two more packages.
"""
