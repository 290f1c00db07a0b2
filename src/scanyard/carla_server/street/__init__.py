"""The static street of one map in one style: ground, buildings, greenery, furniture, parked vehicles.

From the bottom: ``relief`` and ``ground`` (what lies there), ``items`` (kinds of thing and where they are wanted), the
kinds themselves (``buildings``, ``outbuildings``, ``boundaries``, ``vegetation``, ``street_furniture``, ``parking`` and
what maps ask for), the plan of a road's sides (``border``, ``lots``, ``kerbside``, ``roadside``), and all of it in
arrays (``things``, ``assembly``, ``scenery``).

Left to others: what actors look like (``shapes``), when a piece of street is built and cast at (``scene``).

Turned down: a mesh drawn for every house and hedge (a region took longest to draw, and another style drew all again;
kinds have a few dozen variants that every street stretches); numpy calls for each thing (ten thousand of them are moved
at once); one density for everything (it is the corners of hedges, the bins and the stacks of a car's size at 5 to 40 m
that a detector must learn to leave alone).
"""
