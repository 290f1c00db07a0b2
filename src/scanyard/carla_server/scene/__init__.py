"""Everything a ray can meet: the street within reach as one BVH, each actor's body as another, and all of them as one.

Turned down: casting at street and actors one after the other (what for each ray had to be sought, gathered and moved
cost more than the casts); one BVH of all triangles in the world, as they then are (fifty actors have 120,000, which
move in every frame); one tree for all sensors with a mask to each ray for what it shall not see (a tree of fifty boxes
takes a millisecond, and rays that carry masks would have to be told apart by sensor).
"""
