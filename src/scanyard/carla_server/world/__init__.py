"""What a client drives: the time, the episode with its actors, the blueprints they are made from, the maps.

``recorder`` writes all of it down and plays it back.  Left to others: how things look (``shapes``, ``street``), how they
move (``motion``), what sensors see of them (``sensors``).

Turned down for recordings: CARLA's own file format (it is undocumented but for its field list, and nothing reads it but
CARLA), and a new layout of our own for poses and states (the snapshot record of the protocol already holds both).
"""
