"""Roads: lanes, drivable ways and places to start from, read out of an OpenDRIVE map.

Here: checking a map before anything else touches it, its lanes as strips of surface, its signals and
crosswalks, and routes an ego can drive.
Left to others: how surfaces look (``carla_server``), who drives where (``sim``), and lifting sidewalks onto their
kerbs: strips lie at the height of the road.

Geometry comes from the official client's own ``carla.Map``, offline, so that a lane is where every CARLA script says it
is.  That map is left-handed; this package is the one place beside ``sim`` that knows, and hands out right-handed
metres.  Turned down: evaluating the OpenDRIVE curves ourselves (a second opinion on where lanes are helps nobody), and
``carla.Map`` alone (it offers driving lanes only, and bad XML can abort the process, so the text is read and checked
here first).
"""

from scanyard.roads.lanes import LaneKind
from scanyard.roads.opendrive import find_map
from scanyard.roads.road_map import RoadMap, Strip
from scanyard.roads.route import RoadKind, Route
from scanyard.roads.signals import GovernedLane, LightGroup, Signal
from scanyard.roads.speeds import SpeedLimits
from scanyard.roads.structures import Structure

__all__ = [
    "GovernedLane",
    "LaneKind",
    "LightGroup",
    "RoadKind",
    "RoadMap",
    "Route",
    "Signal",
    "SpeedLimits",
    "Strip",
    "Structure",
    "find_map",
]
