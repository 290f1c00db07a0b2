"""Drive a CARLA server: scenario in, frames out.

``simulator`` is the seam; ``carla`` is the driver, the same for a real CARLA server and for our embedded one, because
both are reached through the official client; ``choreography`` decides where every actor is at every tick, before the
first tick; ``handedness`` is the only place that knows CARLA is left-handed.

Left to others: starting servers (``fleet``), what a real LiDAR would have reported (``realism``), labels (``label``).

Turned down: CARLA's traffic manager and physics for the actors of a scenario.  Both make the outcome depend on the
server, its version and its load; computed trajectories, applied in one batch per tick, are the same everywhere and
can be drawn before anything runs.
"""
