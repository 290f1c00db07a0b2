"""Everything a ray can meet: the street within reach as one BVH, the bodies of the actors as another."""
