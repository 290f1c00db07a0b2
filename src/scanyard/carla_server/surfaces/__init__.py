"""Triangles with materials, and rays that hit them: the ground floor of shapes, street and scene."""
