"""What faces are made of: the semantic tag a sensor reports, and the colour a camera sees.

Tags are CARLA's since 0.9.14.  A face stores one byte, its ``Material``; the tables below are indexed by it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np


class Tag(IntEnum):
    """CARLA's semantic labels, 0.9.14 and later."""

    NONE = 0
    ROADS = 1
    SIDEWALKS = 2
    BUILDINGS = 3
    WALLS = 4
    FENCES = 5
    POLES = 6
    TRAFFIC_LIGHT = 7
    TRAFFIC_SIGNS = 8
    VEGETATION = 9
    TERRAIN = 10
    SKY = 11
    PEDESTRIANS = 12
    RIDER = 13
    CAR = 14
    TRUCK = 15
    BUS = 16
    TRAIN = 17
    MOTORCYCLE = 18
    BICYCLE = 19
    STATIC = 20
    DYNAMIC = 21
    OTHER = 22
    WATER = 23
    ROAD_LINES = 24
    GROUND = 25
    BRIDGE = 26
    RAIL_TRACK = 27
    GUARD_RAIL = 28


class Material(IntEnum):
    """What a face is made of; the order is the index into the tables."""

    ASPHALT = 0
    PAVING = 1
    KERB = 2
    GRASS = 3
    FACADE = 4
    WINDOW = 5
    ROOF = 6
    DOOR = 7
    WALL = 8
    FENCE = 9
    POLE = 10
    SIGN = 11
    LEAF = 12
    BARK = 13
    BIN = 14
    BOLLARD = 15
    GUARD_RAIL = 16
    GRAVEL = 17
    CAR_PAINT = 18
    CAR_GLASS = 19
    CAR_DARK = 20
    CAR_INTERIOR = 21
    CAR_LAMP = 22
    CAR_TAIL_LAMP = 23
    TRUCK_PAINT = 24
    TRUCK_GLASS = 25
    TRUCK_DARK = 26
    TRUCK_CARGO = 27
    BUS_PAINT = 28
    BUS_GLASS = 29
    BUS_DARK = 30
    BICYCLE = 31
    MOTORCYCLE = 32
    SKIN = 33
    TOP = 34
    TROUSERS = 35
    HAIR = 36
    RIDER_SKIN = 37
    RIDER_TOP = 38
    RIDER_TROUSERS = 39
    HELMET = 40
    CARTON = 41
    WOOD = 42
    RUBBER = 43
    CLOTH = 44
    TRAFFIC_LIGHT = 45
    FLAGSTONE = 46
    ROAD_LINE = 47
    CONCRETE = 48
    STREET_METAL = 49
    STREET_WOOD = 50
    SHELTER_GLASS = 51
    CONTAINER = 52
    WIRE = 53
    FRAME = 54
    RAILING = 55
    AWNING = 56
    SOIL = 57
    GRASS_TUFT = 58
    BLOSSOM = 59
    PLASTIC = 60
    STEEL = 61
    REFLECTOR = 62
    CONE_ORANGE = 63
    WARNING_RED = 64
    SCREEN = 65
    PLANT = 66
    TERRACOTTA = 67
    FUR = 68
    RUBBLE = 69
    SKIN_BROWN = 70
    SKIN_DARK = 71
    HAIR_FAIR = 72
    HAIR_GREY = 73
    HAIR_BLACK = 74
    JEANS = 75
    KHAKI = 76
    COAT = 77
    SHOE = 78
    BAG = 79
    UMBRELLA = 80
    PRAM = 81
    CHROME = 82
    CAR_MIRROR = 83
    CAR_TYRE = 84
    CAR_RIM_METAL = 85
    CAR_PLATE = 86
    CAR_INDICATOR = 87
    CAR_TINTED_GLASS = 88
    CAR_CHROME = 89
    OCCUPANT = 90
    OCCUPANT_SKIN = 91
    TAXI_SIGN = 92
    CAR_BEACON_LAMP = 93
    TRUCK_TYRE = 94
    TRUCK_RIM_METAL = 95
    TRUCK_LAMP = 96
    TRUCK_TAIL_LAMP = 97
    TRUCK_PLATE = 98
    TRUCK_INTERIOR = 99
    TRUCK_MIRROR = 100
    TRUCK_CANVAS = 101
    TRUCK_STEEL_METAL = 102
    TRUCK_MARKING = 103
    TRUCK_BEACON_LAMP = 104
    BUS_TYRE = 105
    BUS_RIM_METAL = 106
    BUS_LAMP = 107
    BUS_TAIL_LAMP = 108
    BUS_PLATE = 109
    BUS_INTERIOR = 110
    BUS_MIRROR = 111
    BUS_SIGN = 112
    BICYCLE_TYRE = 113
    BICYCLE_METAL = 114
    BICYCLE_LAMP = 115
    MOTORCYCLE_TYRE = 116
    MOTORCYCLE_METAL = 117
    MOTORCYCLE_DARK = 118
    MOTORCYCLE_LAMP = 119
    MOTORCYCLE_TAIL_LAMP = 120
    MOTORCYCLE_PLATE = 121
    TRUCK_CHROME = 122
    CAR_BEACON_RED_LAMP = 123
    WHITE_SIGN = 124
    SIGN_LETTER = 125
    CAR_MIRROR_SHELL = 126
    TRUCK_MIRROR_SHELL = 127
    BUS_MIRROR_SHELL = 128


class _Look(NamedTuple):
    tag: Tag
    color: tuple[int, int, int]
    """sRGB 0 to 255, before the part's tint."""
    tinted: bool = False
    """Whether the part's own colour (car paint, clothes, plaster) takes the place of ``color``."""
    grain: float = 0.0
    """Strength of the speckle that breaks up the colour, 0 to 1."""
    gloss: float = 0.0
    """Share of the sky mirrored, 0 to 1."""


_LOOKS: dict[Material, _Look] = {
    Material.ASPHALT: _Look(Tag.ROADS, (92, 92, 94), grain=0.22),
    Material.PAVING: _Look(Tag.SIDEWALKS, (150, 145, 138), grain=0.14),
    Material.KERB: _Look(Tag.SIDEWALKS, (168, 165, 160), grain=0.10),
    Material.GRASS: _Look(Tag.TERRAIN, (92, 116, 58), grain=0.40),
    Material.FACADE: _Look(Tag.BUILDINGS, (200, 188, 168), tinted=True, grain=0.06),
    Material.WINDOW: _Look(Tag.BUILDINGS, (52, 60, 70), gloss=0.35),
    Material.ROOF: _Look(Tag.BUILDINGS, (126, 72, 58), grain=0.18),
    Material.DOOR: _Look(Tag.BUILDINGS, (88, 62, 44), grain=0.08),
    Material.WALL: _Look(Tag.WALLS, (176, 166, 150), tinted=True, grain=0.14),
    Material.FENCE: _Look(Tag.FENCES, (124, 96, 70), tinted=True, grain=0.12),
    Material.POLE: _Look(Tag.POLES, (120, 124, 126), grain=0.05, gloss=0.05),
    Material.SIGN: _Look(Tag.TRAFFIC_SIGNS, (200, 44, 40), tinted=True),
    Material.LEAF: _Look(Tag.VEGETATION, (70, 104, 44), tinted=True, grain=0.35),
    Material.BARK: _Look(Tag.VEGETATION, (92, 74, 58), grain=0.25),
    Material.BIN: _Look(Tag.STATIC, (48, 52, 50), tinted=True, grain=0.05),
    Material.BOLLARD: _Look(Tag.STATIC, (70, 70, 72), grain=0.05),
    Material.GUARD_RAIL: _Look(Tag.GUARD_RAIL, (158, 162, 166), grain=0.06, gloss=0.1),
    Material.GRAVEL: _Look(Tag.TERRAIN, (140, 130, 112), grain=0.35),
    Material.CAR_PAINT: _Look(Tag.CAR, (120, 120, 124), tinted=True, gloss=0.16),
    Material.CAR_GLASS: _Look(Tag.CAR, (26, 30, 34), gloss=0.42),
    Material.CAR_DARK: _Look(Tag.CAR, (26, 26, 28), grain=0.05),
    Material.CAR_INTERIOR: _Look(Tag.CAR, (44, 42, 42)),
    Material.CAR_LAMP: _Look(Tag.CAR, (186, 190, 192), gloss=0.3),
    Material.CAR_TAIL_LAMP: _Look(Tag.CAR, (150, 22, 20), gloss=0.12),
    Material.TRUCK_PAINT: _Look(Tag.TRUCK, (180, 180, 184), tinted=True, gloss=0.12),
    Material.TRUCK_GLASS: _Look(Tag.TRUCK, (26, 30, 34), gloss=0.40),
    Material.TRUCK_DARK: _Look(Tag.TRUCK, (34, 34, 36), grain=0.05),
    Material.TRUCK_CARGO: _Look(Tag.TRUCK, (214, 214, 212), grain=0.03, gloss=0.04),
    Material.BUS_PAINT: _Look(Tag.BUS, (214, 184, 40), tinted=True, gloss=0.12),
    Material.BUS_GLASS: _Look(Tag.BUS, (28, 32, 36), gloss=0.40),
    Material.BUS_DARK: _Look(Tag.BUS, (34, 34, 36), grain=0.05),
    Material.BICYCLE: _Look(Tag.BICYCLE, (44, 48, 58), gloss=0.08),
    Material.MOTORCYCLE: _Look(Tag.MOTORCYCLE, (48, 48, 52), tinted=True, gloss=0.12),
    Material.SKIN: _Look(Tag.PEDESTRIANS, (206, 160, 132)),
    Material.TOP: _Look(Tag.PEDESTRIANS, (96, 84, 110), tinted=True, grain=0.06),
    Material.TROUSERS: _Look(Tag.PEDESTRIANS, (52, 58, 76), grain=0.06),
    Material.HAIR: _Look(Tag.PEDESTRIANS, (58, 42, 32)),
    Material.RIDER_SKIN: _Look(Tag.RIDER, (206, 160, 132)),
    Material.RIDER_TOP: _Look(Tag.RIDER, (150, 60, 48), tinted=True, grain=0.06),
    Material.RIDER_TROUSERS: _Look(Tag.RIDER, (48, 50, 60), grain=0.06),
    Material.HELMET: _Look(Tag.RIDER, (220, 220, 214), gloss=0.1),
    Material.CARTON: _Look(Tag.DYNAMIC, (170, 134, 92), grain=0.08),
    Material.WOOD: _Look(Tag.DYNAMIC, (156, 122, 82), grain=0.15),
    Material.RUBBER: _Look(Tag.DYNAMIC, (30, 30, 30), grain=0.06),
    Material.CLOTH: _Look(Tag.DYNAMIC, (120, 92, 84), grain=0.08),
    Material.TRAFFIC_LIGHT: _Look(Tag.TRAFFIC_LIGHT, (40, 42, 40)),
    Material.FLAGSTONE: _Look(Tag.SIDEWALKS, (158, 150, 138), grain=0.16),
    Material.ROAD_LINE: _Look(Tag.ROAD_LINES, (214, 214, 208), grain=0.18),
    Material.CONCRETE: _Look(Tag.STATIC, (160, 158, 152), grain=0.12),
    Material.STREET_METAL: _Look(Tag.STATIC, (110, 114, 118), grain=0.04, gloss=0.06),
    Material.STREET_WOOD: _Look(Tag.STATIC, (128, 96, 64), grain=0.14),
    Material.SHELTER_GLASS: _Look(Tag.STATIC, (70, 82, 88), gloss=0.35),
    Material.CONTAINER: _Look(Tag.STATIC, (70, 92, 120), tinted=True, grain=0.06),
    Material.WIRE: _Look(Tag.STATIC, (34, 34, 36)),
    Material.FRAME: _Look(Tag.BUILDINGS, (226, 226, 222), grain=0.03),
    Material.RAILING: _Look(Tag.BUILDINGS, (60, 62, 64), gloss=0.06),
    Material.AWNING: _Look(Tag.BUILDINGS, (168, 62, 52), grain=0.05),
    Material.SOIL: _Look(Tag.TERRAIN, (112, 88, 64), grain=0.35),
    Material.GRASS_TUFT: _Look(Tag.TERRAIN, (104, 122, 62), tinted=True, grain=0.35),
    Material.BLOSSOM: _Look(Tag.VEGETATION, (196, 92, 110), grain=0.25),
    Material.PLASTIC: _Look(Tag.DYNAMIC, (90, 100, 110), tinted=True, grain=0.03, gloss=0.05),
    Material.STEEL: _Look(Tag.DYNAMIC, (148, 152, 156), grain=0.04, gloss=0.12),
    Material.REFLECTOR: _Look(Tag.DYNAMIC, (238, 238, 232), gloss=0.04),
    Material.CONE_ORANGE: _Look(Tag.DYNAMIC, (232, 92, 30), grain=0.03),
    Material.WARNING_RED: _Look(Tag.DYNAMIC, (196, 36, 32), grain=0.03),
    Material.SCREEN: _Look(Tag.DYNAMIC, (40, 62, 96), gloss=0.3),
    Material.PLANT: _Look(Tag.DYNAMIC, (66, 110, 52), grain=0.35),
    Material.TERRACOTTA: _Look(Tag.DYNAMIC, (170, 92, 62), grain=0.10),
    Material.FUR: _Look(Tag.DYNAMIC, (112, 84, 58), tinted=True, grain=0.25),
    Material.RUBBLE: _Look(Tag.DYNAMIC, (124, 112, 96), grain=0.30),
    Material.SKIN_BROWN: _Look(Tag.PEDESTRIANS, (148, 102, 74)),
    Material.SKIN_DARK: _Look(Tag.PEDESTRIANS, (92, 62, 46)),
    Material.HAIR_FAIR: _Look(Tag.PEDESTRIANS, (186, 152, 98)),
    Material.HAIR_GREY: _Look(Tag.PEDESTRIANS, (176, 174, 170)),
    Material.HAIR_BLACK: _Look(Tag.PEDESTRIANS, (26, 22, 20)),
    Material.JEANS: _Look(Tag.PEDESTRIANS, (62, 78, 112), grain=0.08),
    Material.KHAKI: _Look(Tag.PEDESTRIANS, (150, 134, 104), grain=0.06),
    Material.COAT: _Look(Tag.PEDESTRIANS, (70, 66, 64), grain=0.06),
    Material.SHOE: _Look(Tag.PEDESTRIANS, (38, 34, 32)),
    Material.BAG: _Look(Tag.PEDESTRIANS, (116, 74, 48), grain=0.05),
    Material.UMBRELLA: _Look(Tag.PEDESTRIANS, (142, 34, 44), grain=0.03),
    Material.PRAM: _Look(Tag.PEDESTRIANS, (46, 56, 84), grain=0.06),
    Material.CHROME: _Look(Tag.PEDESTRIANS, (168, 170, 174), gloss=0.2),
    Material.CAR_MIRROR: _Look(Tag.CAR, (120, 124, 128), gloss=0.6),
    Material.CAR_TYRE: _Look(Tag.CAR, (24, 24, 25), grain=0.05),
    Material.CAR_RIM_METAL: _Look(Tag.CAR, (150, 153, 157), gloss=0.18),
    Material.CAR_PLATE: _Look(Tag.CAR, (232, 230, 222)),
    Material.CAR_INDICATOR: _Look(Tag.CAR, (214, 120, 26), gloss=0.12),
    Material.CAR_TINTED_GLASS: _Look(Tag.CAR, (14, 16, 18), gloss=0.42),
    Material.CAR_CHROME: _Look(Tag.CAR, (172, 174, 178), gloss=0.30),
    Material.OCCUPANT: _Look(Tag.CAR, (70, 74, 92), grain=0.06),
    Material.OCCUPANT_SKIN: _Look(Tag.CAR, (198, 152, 124)),
    Material.TAXI_SIGN: _Look(Tag.CAR, (236, 196, 40)),
    Material.CAR_BEACON_LAMP: _Look(Tag.CAR, (30, 70, 214), gloss=0.2),
    Material.TRUCK_TYRE: _Look(Tag.TRUCK, (26, 26, 27), grain=0.05),
    Material.TRUCK_RIM_METAL: _Look(Tag.TRUCK, (156, 158, 162), gloss=0.14),
    Material.TRUCK_LAMP: _Look(Tag.TRUCK, (226, 228, 226), gloss=0.25),
    Material.TRUCK_TAIL_LAMP: _Look(Tag.TRUCK, (150, 22, 20), gloss=0.12),
    Material.TRUCK_PLATE: _Look(Tag.TRUCK, (232, 230, 222)),
    Material.TRUCK_INTERIOR: _Look(Tag.TRUCK, (58, 58, 60)),
    Material.TRUCK_MIRROR: _Look(Tag.TRUCK, (30, 30, 32), gloss=0.1),
    Material.TRUCK_CANVAS: _Look(Tag.TRUCK, (52, 84, 132), tinted=True, grain=0.06),
    Material.TRUCK_STEEL_METAL: _Look(Tag.TRUCK, (160, 163, 166), grain=0.03, gloss=0.22),
    Material.TRUCK_MARKING: _Look(Tag.TRUCK, (226, 208, 60)),
    Material.TRUCK_BEACON_LAMP: _Look(Tag.TRUCK, (30, 70, 214), gloss=0.2),
    Material.BUS_TYRE: _Look(Tag.BUS, (26, 26, 27), grain=0.05),
    Material.BUS_RIM_METAL: _Look(Tag.BUS, (156, 158, 162), gloss=0.14),
    Material.BUS_LAMP: _Look(Tag.BUS, (226, 228, 226), gloss=0.25),
    Material.BUS_TAIL_LAMP: _Look(Tag.BUS, (150, 22, 20), gloss=0.12),
    Material.BUS_PLATE: _Look(Tag.BUS, (232, 230, 222)),
    Material.BUS_INTERIOR: _Look(Tag.BUS, (60, 70, 96), grain=0.05),
    Material.BUS_MIRROR: _Look(Tag.BUS, (30, 30, 32), gloss=0.1),
    Material.BUS_SIGN: _Look(Tag.BUS, (224, 168, 30)),
    Material.BICYCLE_TYRE: _Look(Tag.BICYCLE, (24, 24, 25)),
    Material.BICYCLE_METAL: _Look(Tag.BICYCLE, (166, 168, 172), gloss=0.2),
    Material.BICYCLE_LAMP: _Look(Tag.BICYCLE, (206, 40, 34), gloss=0.1),
    Material.MOTORCYCLE_TYRE: _Look(Tag.MOTORCYCLE, (24, 24, 25)),
    Material.MOTORCYCLE_METAL: _Look(Tag.MOTORCYCLE, (150, 152, 156), gloss=0.25),
    Material.MOTORCYCLE_DARK: _Look(Tag.MOTORCYCLE, (26, 26, 28), grain=0.05),
    Material.MOTORCYCLE_LAMP: _Look(Tag.MOTORCYCLE, (226, 228, 226), gloss=0.25),
    Material.MOTORCYCLE_TAIL_LAMP: _Look(Tag.MOTORCYCLE, (150, 22, 20), gloss=0.12),
    Material.MOTORCYCLE_PLATE: _Look(Tag.MOTORCYCLE, (232, 230, 222)),
    Material.TRUCK_CHROME: _Look(Tag.TRUCK, (172, 174, 178), gloss=0.30),
    Material.CAR_BEACON_RED_LAMP: _Look(Tag.CAR, (206, 24, 22), gloss=0.2),
    Material.WHITE_SIGN: _Look(Tag.TRAFFIC_SIGNS, (236, 236, 232)),
    Material.SIGN_LETTER: _Look(Tag.TRAFFIC_SIGNS, (24, 24, 26)),
    Material.CAR_MIRROR_SHELL: _Look(Tag.CAR, (40, 40, 42), tinted=True, gloss=0.1),
    Material.TRUCK_MIRROR_SHELL: _Look(Tag.TRUCK, (30, 30, 32), gloss=0.05),
    Material.BUS_MIRROR_SHELL: _Look(Tag.BUS, (30, 30, 32), gloss=0.05),
}

TAG = np.array([_LOOKS[material].tag for material in Material], dtype=np.uint8)
"""(K,) semantic tag of each material."""
COLOR = np.array([_LOOKS[material].color for material in Material], dtype=np.float32) / 255.0
"""(K, 3) sRGB, 0 to 1."""
TINTED = np.array([_LOOKS[material].tinted for material in Material])
"""(K,) whether the part's own colour takes its place."""
GRAIN = np.array([_LOOKS[material].grain for material in Material], dtype=np.float32)
"""(K,) strength of the speckle."""
GLOSS = np.array([_LOOKS[material].gloss for material in Material], dtype=np.float32)
"""(K,) share of the sky mirrored."""
TRANSPARENT = np.isin(
    np.arange(len(Material)),
    [Material.CAR_GLASS, Material.CAR_TINTED_GLASS, Material.TRUCK_GLASS, Material.BUS_GLASS, Material.SHELTER_GLASS],
)
"""(K,) what a LiDAR may see through."""
