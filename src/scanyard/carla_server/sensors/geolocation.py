"""Where on Earth a place of the map is, as the client's own ``carla.Map.transform_to_geolocation`` has it.

That is a transverse Mercator on a sphere of WGS 84's equatorial radius around ``+lat_0`` and ``+lon_0`` of the map's
``geoReference``, scale 0.9996 (Snyder, Map Projections: A Working Manual, 1987, eq. 8-6 and 8-7).  What a stranger
would get wrong: the projection, scale and offsets that the text names do not count, a text without both angles means
42° N, 2° E, and latitude grows with y, although CARLA's compass says that north lies towards -y.  All of it measured
against the 0.9.16 client; a test holds both together.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

_RADIUS_M = 6378137.0 * 0.9996  # of the sphere, as the map shrinks it


class GeoReference(NamedTuple):
    """The map's origin on Earth, degrees."""

    latitude_deg: float = 42.0
    longitude_deg: float = 2.0

    @classmethod
    def of(cls, opendrive: str) -> GeoReference:
        """Read the ``geoReference`` of an OpenDRIVE text."""
        found = re.search(r"<geoReference>(.*?)</geoReference>", opendrive, re.DOTALL)
        words = found.group(1) if found else ""
        values = [re.search(rf"\+{name}=([-+.\deE]+)", words) for name in ("lat_0", "lon_0")]
        try:
            latitude, longitude = (float(value.group(1)) for value in values if value is not None)
        except ValueError:  # not two of them, or not numbers
            return cls()
        return cls(latitude, longitude)

    def locate(self, x: float, y: float, z: float) -> tuple[float, float, float]:
        """Latitude and longitude in degrees and altitude in metres of a place (metres, left-handed)."""
        east = x / _RADIUS_M
        north = y / _RADIUS_M + math.radians(self.latitude_deg)
        latitude = math.degrees(math.asin(math.sin(north) / math.cosh(east)))
        return latitude, self.longitude_deg + math.degrees(math.atan2(math.sinh(east), math.cos(north))), z
