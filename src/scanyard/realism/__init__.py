"""What a real LiDAR would have returned: a sensor profile's effects, applied to ideal first returns.

In come sweeps as a ray caster makes them (every ray's first hit, exact, with semantic tag, instance, ring and cosine
of incidence); out go sweeps as the profile's sensor would have reported them: some returns missing, ranges noisy and
biased by beam, intensity, 1 mm steps.  All figures are data in ``profiles/*.json``; ``fit`` makes the one of the
HDL-64E from measured statistics.

Left to others: which way a beam points and at which azimuth it fires (the simulator's, per frame), glass that lets rays
through (the scene's), motion during a turn.

Turned down: a return-power law (reflectance × cos / range²) with a detection threshold.  It predicts far more missing
ground at grazing incidence than real scans show (0.4 % at 85–90 degrees), so drop-out is a logistic model fitted on
the counts instead.  Independent intensity per point was turned down too: a car has one paint.
"""

from scanyard.realism.returns import apply as apply
