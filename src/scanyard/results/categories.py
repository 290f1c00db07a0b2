"""What other people call things, in our words.

A name is known if KITTI's labels or one of the scoring protocols has it; any other is refused where it stands.
"""

from __future__ import annotations

from functools import cache

from scanyard.datasets.kitti_labels import CATEGORY_OF_CLASS
from scanyard.errors import FormatError
from scanyard.metrics import load_protocol, protocol_names


def category_of(name: str, where: str) -> str:
    """Our name of a class such as KITTI's ``Car``, nuScenes' ``traffic_cone``, Argoverse's ``REGULAR_VEHICLE``."""
    known = _categories()
    if name not in known:
        raise FormatError(
            f"{where}: found class {name[:40]!r}, expected one that KITTI or a scoring protocol has: "
            f"{', '.join(sorted(CATEGORY_OF_CLASS))}, {', '.join(load_protocol('nuscenes').categories)}, ..."
        )
    return known[name]


@cache
def _categories() -> dict[str, str]:
    known = dict(CATEGORY_OF_CLASS)
    for protocol in protocol_names():
        for category in load_protocol(protocol).categories:
            known |= dict.fromkeys((category, category.upper(), category.capitalize()), category)
    return known
