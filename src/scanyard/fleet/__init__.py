"""Many scenarios on many servers: Ray workers that each own one CARLA server and one client.

``plan`` says what the store still lacks, ``launch`` starts and stops one server, ``record`` is one worker's walk from a
scenario to a sealed sequence.  ``campaign`` is the loop that hands scenarios to workers: ``backlog`` keeps what is
left, what is tried again and what is quarantined, ``crew`` hires and watches each ``worker`` through Ray, ``settings``
and ``progress`` are what goes in and what comes out.  This room walks from room to room; the rooms do not know it.

Left to others: what happens inside a server, what is stored and how.

Turned down: Ray's own retries.  Ray runs things at least once and backs off ever longer; the store is the ledger
here, work is keyed by content, and a worker that dies is replaced at once by the driver's own loop.  Point clouds
never travel through Ray's object store: a worker returns a few numbers.  Fencing tokens against a worker that was
given up and seals late: its sequence is the same, and the store drops repetitions.  A fixed number of tries before
quarantine: where machines die all the time it sets good scenarios aside.
"""
