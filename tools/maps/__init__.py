"""How the maps of ours are drawn: streets, the junctions that join them, the rules that hold there, the towns.

From the bottom: ``profiles`` (the lanes beside a centre line), ``paths`` (lines and arcs), ``network`` (the graph a
town is), ``surface`` (lane sections and objects of OpenDRIVE), ``rules`` (lights, signs, limits), ``drawing`` (a graph
becomes a document), ``towns``.  Everything is in OpenDRIVE's frame: right-handed metres, right-hand traffic, lanes
with negative ids along the road.
"""
