"""What a client drives: the time, the episode with its actors, the blueprints they are made from, the maps.

``recorder`` writes all of it down and plays it back.  Left to others: how things look (``shapes``, ``street``), how
they move (``motion``), what sensors see of them (``sensors``).

Turned down for recordings: CARLA's own file format (it lacks weather, contacts of cars without a detector and much of
what a snapshot says, and a recording of one server's towns means nothing in the other's); a new layout for poses and
states (the protocol's snapshot record already holds both).
"""
