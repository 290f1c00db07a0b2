"""How things move: vehicles on their tyres, walkers on their feet, what they bump into, and what all stand on.

Everything is a struct of arrays over the actors of an episode, in the order in which they were spawned, and one step
moves all of them; what loops over actors is compiled (``arrays``), and what happens rarely is left to numpy.  From the
bottom: ``columns`` and ``table`` (the arrays), ``physics`` (how a kind of vehicle is built) and ``chassis`` (that, as
numbers), ``drivetrain``, ``tyres`` and ``ackermann``, then ``vehicles`` and ``crew`` (those that move), ``walkers``,
``standing`` and ``footing`` (the ground under wheels and feet), ``boxes``, ``contacts``, ``nearby`` and ``meeting``
(who touches whom), ``gathering`` (from the table of all actors to the bodies of a frame), and ``stepping``, which takes
them through one frame; ``rehearsal`` does so before anybody waits for it.

Left to others: who wants what (``world`` hands over controls), how moving things look (``shapes``), traffic lights.

Motion is planar: a vehicle has a velocity along the ground and a yaw rate, and its height, pitch and roll follow the
ground under its four wheels; it falls when the ground is further away than its springs reach.  Turned down: a
rigid-body engine with suspension (a hundred cars must cost a millisecond, and clients see poses, not springs), and
explicit tyre forces (stiff at walking pace; forces here are solved for, so a car at rest rests to the last bit).
"""
