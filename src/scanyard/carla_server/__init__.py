"""The embedded CARLA server: a program that speaks CARLA 0.9.16's protocol and ray-casts its sensors on the processor.

Here, from the bottom: ``protocol`` (the two sockets and every byte that crosses them), ``surfaces`` (triangles and
rays), ``shapes`` (actors), ``street`` (the static world), ``scene`` (all of it, to be cast at), ``sensors``, ``motion``
(what drives, walks and falls), ``world`` (the time, the episode, its actors, blueprints and maps), ``calls`` (the RPC
methods).  Start it with ``python -m scanyard.carla_server``; the official ``carla`` client does the rest.

Everything in this room is in CARLA's own frame: left-handed, x forward, y right, z up, degrees on the wire; maps and
roads are turned once, where they are read.

Left to others: who moves where and when (``sim``, through the client), starting and watching servers (``fleet``), noise
and drop-out of real sensors (``realism``), labels (``label``).  Nothing here is imported by them: a TCP port is the
only seam, and a real CARLA server can take this one's place.

Every call of the 0.9.16 client is answered.  What cannot be done here (CarSim, Chrono, V2X messages, commands of the
game engine) is refused in words the user reads, never a silent success; switches of things that do not exist here (ROS
topics, telemetry on a screen) are kept, and say so where they are defined.

Turned down: a simulator interface of our own with two implementations (two sets of behaviour to keep alike, and the one
used on a laptop would not be the one used on a cluster); asyncio (frames are made on the processor for tens of
milliseconds at a time, and a thread that writes to a slow reader is simpler than a loop that must never wait); one
message queue for all readers (a single slow one would hold up the rest); generated msgpack bindings (the structs are
named tuples, which pack as they are).
"""
