"""carla_server."""
