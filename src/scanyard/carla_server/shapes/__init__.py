"""What actors look like: one module per kind of body, and the catalogue that picks by blueprint.

Cars come from ``outlines`` (what tells body types apart), ``car_sections``, ``car_panels`` and ``bodywork`` (the loft),
``cabin``, ``fittings`` and ``wheels``, put together in ``vehicles``; ``population`` says which stand and drive on the
road.  ``storeys`` builds ``trucks`` and ``buses``; ``riders`` sit on ``two_wheelers``.

Somebody who walks is drawn by ``people`` and ``luggage`` over the joints that ``gait`` finds; ``animals`` likewise.
``props`` are in ``cargo``, ``street_props``, ``street_machines``, ``garden_props`` and ``works_props``, most of them
put together from ``blocks``.  ``assets`` are meshes that a user brings.

Left to others: materials and rays (``surfaces``), where things stand (``street``), how they move (``motion``).

Turned down: boxes that enclose mirrors (KITTI's do not, and a detector learns the box it is shown); stretching wheels
with the body (they end up oval); one shape per model at every size (a Microlino asked for at 4 m is no longer one);
subdivided surfaces (no LiDAR tells a facet of 10 cm from a curve, and cameras smooth them).
"""
