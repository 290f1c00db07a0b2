"""The towns of ours.

Names and coordinates of a town stay as they are once data sets have been recorded in it.  ``downtown`` is laid out so
that, standing in for CARLA's towns, it has open ground where widely used scripts expect some (see ``downtown``).
"""

from __future__ import annotations

import math

from maps.network import Building, Control, Network, Street
from maps.paths import Point, Port
from maps.profiles import (
    AVENUE,
    BOULEVARD,
    COUNTRY,
    DUAL,
    MOTORWAY,
    MOTORWAY_WIDE,
    QUAY,
    RAMP,
    RESIDENTIAL,
    ROUNDABOUT,
    STREET,
    TRUNK,
    VILLAGE,
    VILLAGE_PARKING,
    Profile,
)


def suburb() -> Network:
    """Curved residential streets, about 600 m x 400 m."""
    nodes = {
        "a": (-170.0, -170.0, 0.0), "b": (-60.0, -170.0, 0.0), "c": (45.0, -170.0, 0.0), "d": (150.0, -170.0, 0.0),
        "e": (-60.0, -75.0, 0.0), "f": (-280.0, 20.0, 0.0), "g": (-60.0, 20.0, 0.0), "h": (45.0, 20.0, 0.0),
        "i": (150.0, 20.0, 0.0), "j": (300.0, 60.0, 0.0), "k": (-60.0, 190.0, 0.0), "l": (200.0, 190.0, 0.0),
    }  # fmt: skip
    east = ((230.0, -170.0), (300.0, -130.0), (300.0, -70.0), (325.0, -40.0), (300.0, 0.0))
    ways = [
        ("West Road", "a", "f", 50.0, ((-280.0, -170.0),)),
        ("South Lane", "a", "b", 40.0, ()),
        ("South Lane", "b", "c", 40.0, ()),
        ("South Lane", "c", "d", 40.0, ()),
        ("East Road", "d", "j", 35.0, east),
        ("Chapel Close", "a", "e", 30.0, ((-170.0, -75.0),)),
        ("Mill Street", "b", "e", 40.0, ()),
        ("Mill Street", "e", "g", 40.0, ()),
        ("Garden Row", "c", "h", 25.0, ((45.0, -105.0), (75.0, -75.0), (45.0, -45.0))),
        ("Winding Way", "d", "i", 25.0, ((150.0, -110.0), (115.0, -75.0), (150.0, -40.0))),
        ("Crescent", "f", "g", 45.0, ((-230.0, 20.0), (-170.0, 60.0), (-110.0, 20.0))),
        ("Main Street", "g", "h", 40.0, ()),
        ("Main Street", "h", "i", 40.0, ()),
        ("Station Road", "i", "j", 18.0, ((225.0, 20.0), (225.0, 60.0))),
        ("North Lane", "f", "k", 60.0, ((-280.0, 190.0),)),
        ("Mill Street", "g", "k", 40.0, ()),
        ("North Lane", "k", "l", 50.0, ((-10.0, 190.0), (60.0, 150.0), (130.0, 190.0))),
        ("Hill Street", "i", "l", 35.0, ((150.0, 90.0), (200.0, 130.0))),
        ("East Road", "l", "j", 50.0, ((300.0, 190.0),)),
    ]
    streets = [Street(a, b, RESIDENTIAL, via=via, radius_m=radius, name=name) for name, a, b, radius, via in ways]
    control: dict[str, Control] = (
        dict.fromkeys("ghi", "lights") | dict.fromkeys("bcel", "yield") | dict.fromkeys("djkf", "stop")
    )
    return Network("suburb", nodes, streets, junction_m=13.0, crosswalks=True, control=control)


def city() -> Network:
    """Blocks between four streets each way, two of them avenues; the ring's corners are rounded, not crossings."""
    xs, ys = (-230.0, -90.0, 60.0, 220.0), (-190.0, -60.0, 75.0, 205.0)
    corners = {(0, 0), (3, 0), (0, 3), (3, 3)}
    places = {(i, j): (x, y) for i, x in enumerate(xs) for j, y in enumerate(ys)}
    nodes = {f"n{i}{j}": (*places[i, j], 0.0) for i, j in places if (i, j) not in corners}
    streets = []
    for i, j in places:
        for k, m, number, main in ((i + 1, j, j, 1), (i, j + 1, i, 2)):
            ends = ((i, j), (k, m))
            if ends[1] in places and not corners & set(ends):
                profile = AVENUE if number == main else STREET
                name = f"{'Avenue' if profile is AVENUE else 'Street'} {'EW' if main == 1 else 'NS'}{number}"
                streets.append(Street(f"n{i}{j}", f"n{k}{m}", profile, name=name))
    for i, j in sorted(corners):
        before, after = f"n{i}{1 if j == 0 else 2}", f"n{1 if i == 0 else 2}{j}"
        streets.append(Street(before, after, STREET, via=(places[i, j],), radius_m=22.0, name=f"Corner {i}{j}"))
    control: dict[str, Control] = {
        name: "lights" if "2" in name[1] or "1" in name[2] else "stop" if name[1] == "1" else "yield" for name in nodes
    }
    return Network("city", nodes, streets, junction_m=18.0, crosswalks=True, control=control)


def hills() -> Network:
    """Three country roads between two junctions: straight over crests, winding up a pass, along a valley."""
    nodes = {"west": (-380.0, 0.0, 0.0), "east": (380.0, 0.0, 3.0)}
    over = ((125.0, 8.4), (230.0, 0.0), (335.0, 8.4), (440.0, 0.0), (548.0, 8.6), (655.0, 0.6))
    climb = ((150.0, 0.0), (400.0, 15.0), (520.0, 7.8), (680.0, 17.4), (850.0, 7.2), (1000.0, 15.0), (1120.0, 7.0))
    valley = ((150.0, -3.0), (330.0, 4.0), (470.0, -4.0), (620.0, -4.0), (800.0, 5.0))
    winding = ((-380.0, 260.0), (-170.0, 330.0), (60.0, 210.0), (260.0, 360.0), (560.0, 300.0), (560.0, 0.0))
    low = ((-380.0, -220.0), (-130.0, -280.0), (40.0, -150.0), (200.0, -270.0), (380.0, -220.0))
    streets = [
        Street("west", "east", COUNTRY, grades=over, name="Ridge Road"),
        Street("west", "east", COUNTRY, via=winding, radius_m=70.0, grades=climb, name="Pass Road"),
        Street("west", "east", COUNTRY, via=low, radius_m=60.0, grades=valley, name="Valley Road"),
    ]
    return Network("hills", nodes, streets, junction_m=14.0, control={"west": "stop", "east": "yield"})


def harbour() -> Network:
    """Wide straight roads between quays and yards, with one long bend; kerbs where lorries park."""
    nodes = {
        "gate": (-320.0, -100.0, 0.0), "cross": (0.0, -100.0, 0.0), "shed": (0.0, 30.0, 0.0), "quay": (0.0, 170.0, 0.0),
        "pier": (300.0, 30.0, 0.0),
    }  # fmt: skip
    bend = ((170.0, -100.0), (300.0, -60.0))
    streets = [
        Street("gate", "cross", TRUNK, name="Harbour Road"),
        Street("cross", "pier", TRUNK, via=bend, radius_m=60.0, name="Harbour Road"),
        Street("gate", "quay", QUAY, via=((-320.0, 170.0),), radius_m=45.0, name="West Quay"),
        Street("gate", "cross", QUAY, via=((-320.0, -260.0), (0.0, -260.0)), radius_m=40.0, name="Yard Loop"),
        Street("cross", "shed", QUAY, name="Shed Street"),
        Street("shed", "quay", QUAY, name="Shed Street"),
        Street("shed", "pier", QUAY, name="Crane Way"),
        Street("quay", "pier", QUAY, via=((400.0, 170.0), (400.0, 30.0)), radius_m=40.0, name="North Quay"),
    ]
    control: dict[str, Control] = {
        "gate": "yield", "cross": "lights", "shed": "yield", "quay": "yield", "pier": "stop",
    }  # fmt: skip
    return Network("harbour", nodes, streets, junction_m=19.0, crosswalks=True, control=control)


def downtown() -> Network:
    """Wide blocks between avenues, a boulevard of six lanes, a parade ground and a town hall on a forecourt.

    Scripts written for CARLA's Town03 put cars at fixed places, in OpenDRIVE's frame: on open flat ground within
    x 35 to 145, y 195 to 262 (the parade ground); at (30, 6) looking at a wall 8 to 25 m north (the town hall across
    its forecourt); at (235, 1) with 110 m free to the south (a lane of the boulevard).  Those for Town05 want a strip
    20 m wide and 236 m long, which the boulevard is too.
    """
    xs, ys = (-140.0, -12.0, 240.0, 370.0), (330.0, 191.0, -2.0, -150.0)
    corners = {(0, 0), (3, 0), (0, 3), (3, 3)}
    places = {(i, j): (x, y) for i, x in enumerate(xs) for j, y in enumerate(ys)}
    nodes = {f"n{i}{j}": (*places[i, j], 0.0) for i, j in places if (i, j) not in corners}
    parade = Profile(lanes=2, lane_m=3.35, shoulder_m=0.4, sidewalk_m=4.0, square=("left", 74.0))
    forecourt = Profile(lanes=2, lane_m=3.35, shoulder_m=0.4, sidewalk_m=4.0, square=("left", 14.0))
    plain = Profile(lanes=2, lane_m=3.35, shoulder_m=0.4, sidewalk_m=4.0)
    streets = []
    for i, j in places:
        for k, m in ((i + 1, j), (i, j + 1)):
            ends = ((i, j), (k, m))
            if ends[1] not in places or corners & set(ends):
                continue
            profile, name = (AVENUE, f"Avenue {'EW' if m == j else 'NS'}{j if m == j else i}")
            if m != j and i == 2:
                profile, name = BOULEVARD, "Boulevard"
            elif m == j and j in {1, 2}:
                profile, name = plain, f"Broad Street {j}"
                if i == 1:
                    profile, name = (parade, "Parade") if j == 1 else (forecourt, "Town Hall Street")
            streets.append(Street(f"n{i}{j}", f"n{k}{m}", profile, name=name))
    for i, j in sorted(corners):
        before, after = f"n{i}{1 if j == 0 else 2}", f"n{1 if i == 0 else 2}{j}"
        streets.append(Street(before, after, AVENUE, via=(places[i, j],), radius_m=24.0, name=f"Corner {i}{j}"))
    hall = Building("Town Hall Street", center=(34.0, 26.0), size=(44.0, 12.0, 14.0), name="town_hall")
    control: dict[str, Control] = dict.fromkeys(nodes, "lights")
    return Network("downtown", nodes, streets, junction_m=21.0, crosswalks=True, control=control, buildings=(hall,))


def motorway() -> Network:
    """A motorway between two trunk roads, with ramps half-way, a climb at its northern end and a wall in its middle.

    The outermost lanes end in the exits, and the ramps bring new ones; country roads on both sides join the ramps.
    """
    middle, low, high = 32.0, -60.0, 120.0
    reach, ramp_from, ramp_turn = 45.0, (15.3, 34.3), math.radians(80)
    nodes = {
        "south": (middle, -330.0, -4.0), "exit_south": (middle, low, 0.0), "exit_north": (middle, high, 0.0),
        "north": (-30.0, 430.0, 10.0), "east": (150.0, 30.0, 0.0), "west": (-86.0, 30.0, 0.0),
    }  # fmt: skip

    def at(node: str, dx: float, dy: float, heading: float) -> Port:
        x, y, _ = nodes[node]
        return Port(x + dx, y + dy, heading)

    def ramp(name: str, node: str, away: tuple[float, float], heading: float, to: str, *, leaves: bool) -> Street:
        """A ramp between a place beside the motorway, where it heads to, and a country road's junction."""
        port = at(node, *away, heading)
        x, y, _ = nodes[to]
        side = 1.0 if x > middle else -1.0
        slant = math.copysign(math.radians(20), y - port.y)
        via = meeting(port, (x, y), math.atan2(math.sin(slant), side * math.cos(slant)))
        if leaves:
            return Street(node, to, RAMP, via=(via,), radius_m=28.0, name=name, from_port=port)
        return Street(to, node, RAMP, via=(via,), radius_m=28.0, name=name, to_port=port)

    dx, dy = ramp_from
    east_south = ((150.0, -330.0), (150.0, -230.0), (195.0, -160.0), (150.0, -90.0))
    west_south = ((-150.0, -330.0), (-150.0, -180.0), (-86.0, -100.0))
    streets = [
        Street("south", "exit_south", MOTORWAY_WIDE, name="Motorway", barrier=True,
               to_port=at("exit_south", 0.0, -reach, 0.0), grades=((50.0, -4.0), (140.0, 0.0))),
        Street("exit_south", "exit_north", MOTORWAY, name="Motorway", barrier=True,
               from_port=at("exit_south", 0.0, reach, 0.0), to_port=at("exit_north", 0.0, -reach, 0.0)),
        Street("exit_north", "north", MOTORWAY_WIDE, via=((middle, 270.0),), radius_m=250.0, name="Motorway",
               barrier=True, from_port=at("exit_north", 0.0, reach, 0.0), grades=((70.0, 0.0), (200.0, 9.5))),
        ramp("Exit East", "exit_south", (dx, dy), ramp_turn, "east", leaves=True),
        ramp("Entry East", "exit_north", (dx, -dy), math.pi - ramp_turn, "east", leaves=False),
        ramp("Exit West", "exit_north", (-dx, -dy), ramp_turn, "west", leaves=True),
        ramp("Entry West", "exit_south", (-dx, dy), math.pi - ramp_turn, "west", leaves=False),
        Street("south", "east", DUAL, via=east_south, radius_m=45.0, name="East Road",
               grades=((90.0, -3.0), (330.0, 0.0))),
        Street("east", "north", DUAL, via=((150.0, 180.0), (215.0, 280.0), (215.0, 430.0)), radius_m=60.0,
               name="East Road", grades=((120.0, 0.0), (420.0, 9.0))),
        Street("south", "west", DUAL, via=west_south, radius_m=50.0, name="West Road",
               grades=((90.0, -3.0), (330.0, 0.0))),
        Street("west", "north", DUAL, via=((-86.0, 180.0), (-170.0, 280.0), (-170.0, 430.0)), radius_m=55.0,
               name="West Road", grades=((120.0, 0.0), (330.0, 9.0))),
    ]  # fmt: skip
    control: dict[str, Control] = {"south": "lights", "north": "lights", "east": "stop", "west": "stop"}
    return Network("motorway", nodes, streets, junction_m=22.0, control=control)


def meeting(port: Port, through: Point, heading: float) -> Point:
    """Where the line a port looks along meets another line."""
    dx, dy = through[0] - port.x, through[1] - port.y
    cos, sin = math.cos(port.heading), math.sin(port.heading)
    along = (dx * math.sin(heading) - dy * math.cos(heading)) / (cos * math.sin(heading) - sin * math.cos(heading))
    return port.x + along * cos, port.y + along * sin


def village() -> Network:
    """Narrow streets that wind towards a roundabout, in a dip between gentle rises."""
    radius, gap, arm_m = 14.0, math.radians(28), 30.0
    sides = {"ce": 0.0, "cn": math.pi / 2, "cw": math.pi, "cs": -math.pi / 2}
    nodes = {
        "e": (185.0, 15.0, 2.0), "n": (25.0, 175.0, 4.0), "w": (-175.0, -25.0, 3.0), "s": (-15.0, -165.0, 0.0),
        "green": (110.0, 110.0, 2.5), "mill": (-105.0, -110.0, 1.0),
    }  # fmt: skip
    nodes |= {name: (radius * math.cos(side), radius * math.sin(side), 0.0) for name, side in sides.items()}

    def ring(angle: float) -> Port:
        return Port(radius * math.cos(angle), radius * math.sin(angle), angle + math.pi / 2)

    def arm(name: str) -> Port:
        return Port(arm_m * math.cos(sides[name]), arm_m * math.sin(sides[name]), sides[name])

    order = list(sides)
    streets = [
        Street(a, b, ROUNDABOUT, via=(corner_of(ring(sides[a] + gap), ring(sides[b] - gap)),), radius_m=radius,
               name="Market Ring", from_port=ring(sides[a] + gap), to_port=ring(sides[b] - gap),
               crosswalks=(False, False))
        for a, b in zip(order, [*order[1:], order[0]], strict=True)
    ]  # fmt: skip
    ways: list[tuple[str, str, str, Profile, tuple[Point, ...], float]] = [
        ("High Street", "ce", "e", VILLAGE_PARKING, ((80.0, 0.0), (120.0, 22.0), (150.0, 15.0)), 40.0),
        ("Church Street", "cn", "n", VILLAGE_PARKING, ((0.0, 75.0), (25.0, 115.0)), 45.0),
        ("West Street", "cw", "w", VILLAGE, ((-80.0, 0.0), (-125.0, -25.0)), 45.0),
        ("Bridge Street", "cs", "s", VILLAGE, ((0.0, -80.0), (-15.0, -115.0)), 50.0),
        ("Green Lane", "e", "green", VILLAGE, ((185.0, 110.0),), 40.0),
        ("Green Lane", "green", "n", VILLAGE, ((80.0, 110.0), (80.0, 175.0)), 18.0),
        ("Meadow Way", "green", "n", VILLAGE, ((110.0, 230.0), (25.0, 230.0)), 35.0),
        ("Orchard Way", "n", "w", VILLAGE, ((-90.0, 175.0), (-175.0, 100.0)), 50.0),
        ("Mill Lane", "w", "s", VILLAGE, ((-175.0, -110.0), (-75.0, -110.0), (-75.0, -165.0)), 18.0),
        ("Long Lane", "s", "e", VILLAGE, ((90.0, -165.0), (185.0, -100.0)), 50.0),
    ]
    for name, start, end, profile, via, bend in ways:
        port = arm(start) if start in sides else None
        streets.append(Street(start, end, profile, via=via, radius_m=bend, name=name, from_port=port))
    control: dict[str, Control] = dict.fromkeys(sides, "yield") | {"e": "stop", "n": "yield", "w": "stop", "s": "yield"}
    return Network("village", nodes, streets, junction_m=12.0, crosswalks=True, control=control)


def corner_of(start: Port, end: Port) -> Point:
    """Where the tangents of an arc's two ends meet."""
    return meeting(start, (end.x, end.y), end.heading)


TOWNS = {
    "suburb": suburb, "city": city, "hills": hills, "harbour": harbour, "downtown": downtown, "motorway": motorway,
    "village": village,
}  # fmt: skip
