"""GNSS says of a place what the client's own map says of it."""

from __future__ import annotations

import re

import carla
import msgpack
import numpy as np
import pytest
from flat_carla_world import STRAIGHT_ROAD
from moving_sensors import SENSOR, motions_of, told

from scanyard.carla_server.protocol.poses import matrices
from scanyard.carla_server.sensors.geolocation import GeoReference
from scanyard.carla_server.sensors.gnss import gnss

REFERENCES = (
    "+proj=tmerc +lat_0=49 +lon_0=8 +k=1 +x_0=0 +y_0=0 +datum=WGS84", "+lat_0=-33.5 +lon_0=151.25",
    "+proj=utm +zone=32 +lat_0=6.1e1 +lon_0=-0.5", "+proj=merc +lon_0=179.999 +lat_0=0", "+proj=utm +zone=32", "",
)  # fmt: skip


@pytest.mark.parametrize("reference", REFERENCES)
def test_agrees_with_the_clients_map(reference: str) -> None:
    text = re.sub("<geoReference>.*?</geoReference>", f"<geoReference>{reference}</geoReference>", STRAIGHT_ROAD)
    town, ours = carla.Map("straight", text), GeoReference.of(text)
    for x, y, z in np.random.default_rng(1).uniform(-20_000, 20_000, (50, 3)).astype(np.float32).tolist():
        theirs = town.transform_to_geolocation(carla.Location(x, y, z))
        latitude, longitude, altitude = ours.locate(x, y, z)
        assert (latitude, longitude) == pytest.approx((theirs.latitude, theirs.longitude), abs=1e-10)
        assert altitude == pytest.approx(theirs.altitude, abs=1e-3)


def test_a_map_without_a_reference_lies_where_the_client_thinks_it_does() -> None:
    assert GeoReference.of("<OpenDRIVE/>") == (42.0, 2.0)


def test_noise_has_the_spread_and_bias_asked_for() -> None:
    attributes = {"noise_lat_stddev": "1e-5", "noise_lon_bias": "0.25", "noise_alt_stddev": "2", "noise_alt_bias": "10"}
    pose = matrices((100, 200, 3, 0, 0, 0))
    still = motions_of({SENSOR: [pose]})
    samples = []
    for frame in range(400):
        [message] = gnss(None, attributes, pose, told(still, frame=frame, geo_reference=GeoReference(49.0, 8.0)))
        samples.append(msgpack.unpackb(message[1]))
    error = np.array(samples) - GeoReference(49.0, 8.0).locate(100, 200, 3)
    assert error[:, 0].std() == pytest.approx(1e-5, rel=0.12)
    assert abs(error[:, 0].mean()) < 2e-6
    np.testing.assert_allclose(error[:, 1], 0.25, atol=1e-12)
    assert error[:, 2].mean() == pytest.approx(10, abs=0.4)
    assert error[:, 2].std() == pytest.approx(2, rel=0.12)
