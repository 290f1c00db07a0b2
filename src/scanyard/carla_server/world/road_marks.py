"""The map's text as clients can bear it: every lane says that it has no road mark, where it has none.

OpenDRIVE lets a lane leave its marks out.  The 0.9.16 client then ends its whole process with a segmentation fault as
soon as a lane invasion sensor listens; told of a mark of type "none", it does not (tried with both).
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

_NONE = {"sOffset": "0", "type": "none", "weight": "standard", "color": "standard", "width": "0", "laneChange": "both"}


def marked(opendrive: str) -> str:
    """The same OpenDRIVE text, with a mark of type "none" in each lane that has no mark."""
    root = ET.fromstring(opendrive)
    bare = [lane for lane in root.iter("lane") if lane.find("roadMark") is None]
    if not bare:
        return opendrive
    for lane in bare:
        ET.SubElement(lane, "roadMark", _NONE)
    return ET.tostring(root, encoding="unicode")
