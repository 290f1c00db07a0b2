"""Triangles with materials, and rays that hit them: the ground floor of shapes, street and scene.

Turned down: Embree's best build quality (a hundredth faster to cast at, no more); rays for every second pixel of a
picture, with the others guessed from their neighbours' faces (what is a pixel wide goes missing).
"""
