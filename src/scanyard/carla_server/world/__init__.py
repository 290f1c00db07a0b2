"""What a client drives: the time, the episode with its actors, the blueprints they are made from, the maps.

Left to others: how things look (``shapes``, ``street``), what sensors see of them (``sensors``).
"""
