"""What each sensor reports of one frame, in the layout and with the noise CARLA documents for it.

A sensor is a function of the scene, its blueprint's attributes, its pose and a ``context`` (the tick, the weather, who
carries it, where everything was in the last three frames, who touched whom) to the messages it sends; ``table`` names
one for each kind.  Those that look cast rays: LiDARs a grid of them (``beams``, ``sweep``, ``lidar``), cameras one for
each pixel, radar and obstacle detector a bundle (``rays``).  IMU, GNSS and collision detector only feel (``motions``).

Left to others: when a sensor is due and who hears it (``world.sensing``), the bytes of its messages (``protocol``), the
noise of real LiDARs (``realism``).  Lane invasion is not here: clients compute it themselves.

Turned down: noise from a generator that each sensor keeps (two runs would have to read it as often as each other; the
stream is named by seed, frame and pose instead); accelerations from the dynamics (a car that a script moves by hand
would feel nothing; differences of poses are true of both); a BVH that moves while a sweep is fired (rays are moved into
the frame an actor then has, so shapes are built once); numpy for what is done to every pixel (each call waits for
memory, and between calls one core idles: such loops are compiled, run in ``bands``, and give the same bytes).
"""
