"""What stands along streets, in gardens and in yards, as kinds of thing: lamps, poles and wires, people's belongings.

Most are drawn by ``shapes``, where clients can spawn them too; there x is the side people use, here it points away from
the road, so those that face the road are turned round.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from scanyard.carla_server.shapes import garden_props, street_machines, street_props, works_props
from scanyard.carla_server.shapes.blocks import Blocks
from scanyard.carla_server.street.items import FAR_M, MIDDLE_M, NEAR_M, Kind, Layer
from scanyard.carla_server.surfaces.materials import Material, Tag
from scanyard.carla_server.surfaces.mesh import Mesh, quads

SUNK_M = 0.4
ARM_M = 1.5  # how far a lamp's head stands over the road


def _lamp_height(variant: int) -> float:
    return 4.2 + 0.8 * (variant % 6)


def lamp_head(variant: int) -> tuple[float, float, float]:
    """Where the light of a lamp post is, in the frame it is drawn in, metres."""
    height = _lamp_height(variant)
    return (-ARM_M, 0.0, height + 0.17) if height > 5.0 else (0.0, 0.0, height - 0.1)


def _lamp_post(variant: int) -> Mesh:
    """A street lamp: an arm over the road, or a lantern on top of a low post."""
    height = _lamp_height(variant)
    blocks = Blocks().rod(Material.POLE, (0, 0, -SUNK_M), (0, 0, height), (0.09, 0.05), 7)
    blocks.box(Material.POLE, (-0.1, 0.1), (-0.1, 0.1), (-0.1, 0.8))
    x, _, z = lamp_head(variant)
    if x:
        blocks.rod(Material.POLE, (0, 0, height), (x + 0.3, 0, height + 0.25), 0.035)
        return blocks.box(Material.POLE, (x - 0.3, x + 0.3), (-0.12, 0.12), (z + 0.02, z + 0.14)).mesh()
    blocks.rod(Material.POLE, (0, 0, height - 0.35), (0, 0, height + 0.05), (0.11, 0.2), 6)
    return blocks.rod(Material.POLE, (0, 0, height + 0.05), (0, 0, height + 0.22), (0.24, 0.04), 6).mesh()


def _utility_pole(variant: int) -> Mesh:
    """A wooden pole with a cross-arm, insulators, and now and then a transformer and a stay."""
    height = utility_height(variant)
    blocks = Blocks().rod(Material.POLE, (0, 0, -SUNK_M), (0, 0, height), (0.15, 0.10), 7)
    blocks.box(Material.POLE, (-0.85, 0.85), (-0.06, 0.06), (height - 0.66, height - 0.54))
    for x in (-0.8, -0.3, 0.8):
        blocks.rod(Material.POLE, (x, 0, height - 0.54), (x, 0, height - 0.4), 0.04, 4)
    if variant % 4 == 1:
        blocks.rod(Material.POLE, (0.3, 0, height - 2.2), (0.3, 0, height - 1.3), 0.25, 9)
    if variant % 4 == 2:
        blocks.rod(Material.WIRE, (0, 0, height - 1.0), (0, 2.2, -0.2), 0.012, 3)
    return blocks.mesh()


def utility_height(variant: int) -> float:
    """Height of a utility pole, metres."""
    return 7.0 + 0.5 * (variant % 4)


def _wires(variant: int) -> Mesh:
    """Wires of one span by the metre (y), relative to the poles' feet, sagging: drawn as crossed strips."""
    height = utility_height(variant) - 0.4
    along = np.linspace(-0.5, 0.5, 9)
    blocks = Blocks()
    for x in (-0.8, -0.3, 0.8):
        sag = height - (1 - 4 * along**2) * (0.5 + 0.15 * (variant % 3))
        for i in range(8):
            start, end = (x, along[i], sag[i]), (x, along[i + 1], sag[i + 1])
            blocks.strip(Material.WIRE, start, end, (0.009, 0, 0)).strip(Material.WIRE, start, end, (0, 0, 0.009))
    return blocks.mesh()


def _bicycle(variant: int) -> Mesh:
    """A parked bicycle along y, leaning a little."""
    angle = np.arange(14) * 2 * np.pi / 14
    blocks = Blocks()
    for y in (-0.52, 0.53):
        rows = [np.c_[np.full(14, x), y + r * np.cos(angle), 0.34 + r * np.sin(angle)]
                for x, r in ((-0.02, 0.335), (0.0, 0.345), (0.02, 0.335), (0.0, 0.3), (-0.02, 0.335))]  # fmt: skip
        blocks.put(Mesh.of(np.concatenate(rows), quads(5, 14, closed=True), Material.BICYCLE))
        for a in angle[::2]:
            rim = (0.0, y + 0.32 * np.cos(a), 0.34 + 0.32 * np.sin(a))
            blocks.strip(Material.BICYCLE, (0, y, 0.34), rim, (0, 0.004 * np.sin(a), 0.004 * np.cos(a)))
    bars = [((-0.52, 0.34), (-0.08, 0.30)), ((-0.52, 0.34), (-0.17, 0.82)), ((-0.08, 0.30), (-0.20, 0.95)),
            ((-0.08, 0.30), (0.36, 0.72)), ((-0.17, 0.82), (0.36, 0.82)), ((0.36, 1.0), (0.53, 0.34))]  # fmt: skip
    for (y0, z0), (y1, z1) in bars[: 4 if variant % 2 else 6]:
        blocks.rod(Material.BICYCLE, (0, y0, z0), (0, y1, z1), 0.018, 4)
    blocks.rod(Material.BICYCLE, (0.36 - 0.36, 0.36, 0.72), (0, 0.36, 1.0), 0.018, 4)
    blocks.rod(Material.BICYCLE, (-0.27, 0.38, 1.02), (0.27, 0.38, 1.02), 0.014, 4)
    blocks.box(Material.BICYCLE, (-0.07, 0.07), (-0.32, -0.08), (0.92, 0.98))
    if variant % 3 == 0:
        blocks.box(Material.BICYCLE, (-0.16, 0.16), (0.45, 0.72), (0.78, 1.0))
    leaning = blocks.mesh()
    tilt = 0.12 * (1 if variant % 2 else -1)
    lean = np.array([[1.0, 0, -tilt], [0, 1, 0], [0, 0, 1.0]])
    return Mesh((leaning.vertices @ lean.T.astype(np.float32)).astype(np.float32), leaning.faces, leaning.material)


def _tree_guard(variant: int) -> Mesh:
    """An iron cage or two stakes about a young tree, and the grating it stands in."""
    blocks = Blocks().box(Material.STREET_METAL, (-0.6, 0.6), (-0.6, 0.6), (-0.04, 0.015))
    if variant % 2:
        for y in (-0.4, 0.4):
            blocks.rod(Material.STREET_WOOD, (0, y, -0.2), (0, y, 1.7), 0.04)
        return blocks.box(Material.STREET_WOOD, (-0.03, 0.03), (-0.4, 0.4), (1.5, 1.6)).mesh()
    for a in np.arange(10) * np.pi / 5:
        x, y = 0.32 * np.cos(a), 0.32 * np.sin(a)
        half = (-0.012 * np.sin(a), 0.012 * np.cos(a), 0)
        blocks.strip(Material.STREET_METAL, (x, y, 0), (1.15 * x, 1.15 * y, 1.4), half)
    return blocks.mesh()


def _rock(variant: int) -> Mesh:
    """A boulder, or a few, that keep cars off the grass."""
    rock = works_props.heap(variant * 2 + 1).scaled((0.45, 0.4, 0.75))
    return Mesh.of(rock.vertices, rock.faces, Material.CONCRETE)


def _terrace_set(variant: int) -> Mesh:
    """A table with chairs around it, not all of them pushed in."""
    parts = [garden_props.table(variant)]
    for i in range(2 + variant % 3):
        angle = i * 1.7 + variant
        away = 0.75 + 0.15 * (i % 2)
        at = (away * np.cos(angle), away * np.sin(angle), 0.0)
        parts.append(garden_props.chair(variant).moved(at, yaw=angle + np.pi))
    return Mesh.joined(parts)


def _turned(make: Callable[[int], Mesh], variant: int) -> Mesh:
    return make(variant).moved(yaw=np.pi)


def _along(make: Callable[[int], Mesh], variant: int) -> Mesh:
    """Things drawn along x, laid along the road."""
    return make(variant).moved(yaw=np.pi / 2)


_static = partial(Kind, label=Tag.STATIC, layer=Layer.PROPS)
_dynamic = partial(Kind, label=Tag.DYNAMIC, layer=Layer.PROPS)

LAMP_POST = Kind("StreetLight", _lamp_post, 6, Tag.POLES, Layer.STREET_LIGHTS, FAR_M)
UTILITY_POLE = Kind("UtilityPole", _utility_pole, 4, Tag.POLES, Layer.PROPS, FAR_M)
WIRES = _static("Wires", _wires, 4, reach_m=MIDDLE_M)
SIGN = Kind("Sign", street_props.street_sign, 15, Tag.TRAFFIC_SIGNS, Layer.PROPS, MIDDLE_M)
TOWN_BOARD = Kind("Board", street_props.town_board, 12, Tag.TRAFFIC_SIGNS, Layer.PROPS, MIDDLE_M)
BICYCLE = Kind("Bicycle", _bicycle, 6, Tag.BICYCLE, Layer.PROPS, NEAR_M)
LITTER_BIN = _static("LitterBin", street_props.litter_bin, 5, reach_m=NEAR_M)
WHEELED_BIN = _static("WheeledBin", street_props.wheeled_bin, 12, reach_m=NEAR_M)
BENCH = _static("Bench", partial(_turned, street_props.bench), 6, reach_m=NEAR_M)
BUS_SHELTER = _static("BusShelter", partial(_turned, street_props.bus_shelter), 6, reach_m=MIDDLE_M)
BUS_STOP = _static("BusStop", street_props.bus_stop_post, 3, reach_m=NEAR_M)
BIKE_STAND = _static("BikeStand", street_props.bike_stand, 3, reach_m=NEAR_M)
BOLLARD = _static("Bollard", street_props.bollard, 4, reach_m=NEAR_M)
HYDRANT = _static("Hydrant", street_props.hydrant, 1, reach_m=NEAR_M)
MAILBOX = _static("Mailbox", street_props.mailbox, 3, reach_m=NEAR_M)
PLANTER = _static("Planter", street_props.planter, 10, reach_m=NEAR_M)
PLANT_POT = _dynamic("PlantPot", street_props.plant_pot, 12, reach_m=48.0)
ADVERTISEMENT = _static("Advertisement", partial(_turned, street_machines.advertisement), 6, reach_m=MIDDLE_M)
KIOSK = _static("Kiosk", partial(_turned, street_machines.kiosk), 2, reach_m=MIDDLE_M)
VENDING_MACHINE = _static("VendingMachine", partial(_turned, street_machines.vending_machine), 1, reach_m=NEAR_M)
PARKING_METER = _static("ParkingMeter", street_machines.parking_meter, 2, reach_m=NEAR_M)
CABINET = _static("Cabinet", street_machines.cabinet, 12, reach_m=NEAR_M)
GLASS_BANK = _static("RecyclingBank", street_machines.glass_container, 4, reach_m=NEAR_M)
TREE_GUARD = _static("TreeGuard", _tree_guard, 4, reach_m=48.0)
ROCK = _static("Rock", _rock, 8, reach_m=NEAR_M)
CONE = _dynamic("Cone", works_props.cone, 3, reach_m=NEAR_M)
BARRIER = _dynamic("WorksBarrier", works_props.barrier, 6, reach_m=NEAR_M)
WORKS_SIGN = _dynamic("WorksSign", partial(_turned, works_props.warning_sign), 4, reach_m=NEAR_M)
DRUM = _dynamic("Drum", works_props.barrel, 4, reach_m=NEAR_M)
CONTAINER = _static("Container", partial(_along, works_props.container), 6, reach_m=FAR_M)
SKIP = _static("Skip", partial(_along, works_props.skip), 6, reach_m=MIDDLE_M)
HEAP = _static("Heap", works_props.heap, 8, reach_m=MIDDLE_M)
PALLETS = _static("Pallets", works_props.pallet_stack, 12, reach_m=NEAR_M)
TIMBER = _static("Timber", works_props.timber_stack, 9, reach_m=MIDDLE_M)
TYRES = _static("Tyres", works_props.tyre_stack, 5, reach_m=NEAR_M)
TRAILER = _static("Trailer", works_props.trailer, 6, reach_m=MIDDLE_M)
TERRACE_SET = _dynamic("TableAndChairs", _terrace_set, 12, reach_m=NEAR_M)
TRAMPOLINE = _static("Trampoline", garden_props.trampoline, 3, reach_m=NEAR_M)
SWING = _static("Swing", garden_props.swing, 1, reach_m=NEAR_M)
SLIDE = _static("Slide", garden_props.slide, 1, reach_m=NEAR_M)
KENNEL = _static("Kennel", garden_props.kennel, 1, reach_m=NEAR_M)
GNOME = _dynamic("Gnome", garden_props.gnome, 1, reach_m=40.0)
BARBECUE = _dynamic("Barbecue", garden_props.barbecue, 1, reach_m=48.0)
PERGOLA = _static("Pergola", garden_props.pergola, 1, reach_m=NEAR_M)
HAY_BALE = _static("HayBale", garden_props.hay_bale, 4, reach_m=MIDDLE_M)
WOOD_PILE = _static("WoodPile", garden_props.wood_pile, 8, reach_m=NEAR_M)
GREENHOUSE = _static("Greenhouse", garden_props.greenhouse, 3, reach_m=NEAR_M)
CLOTHES_LINE = _static("ClothesLine", garden_props.clothes_line, 6, reach_m=NEAR_M)
