"""Many scenarios on many servers: Ray workers that each own one CARLA server and one client.

``plan`` says what the store still lacks, ``launch`` starts and stops one server, ``record`` is one worker's walk from a
scenario to a sealed sequence, ``campaign`` is the Ray part: workers, retries, quarantine, progress, report.  This room
walks from room to room; the rooms do not know it.

Left to others: what happens inside a server, what is stored and how.

Turned down: Ray's own retries.  Ray runs things at least once and backs off ever longer; the store is the ledger
here, work is keyed by content, and a worker that dies is replaced at once by the driver's own loop.  Point clouds
never travel through Ray's object store: a worker returns a few numbers.
"""
