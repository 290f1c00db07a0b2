"""Many scenarios on many servers: Ray workers that each own one CARLA server and one client.

``plan`` says what the store still lacks.  ``campaign`` is the loop that hands scenarios to workers: ``backlog`` keeps
what is left, what is tried again and what is quarantined, ``crew`` hires and watches each ``worker`` through Ray,
``fitness`` tells those that can run a server from those that cannot, ``settings`` and ``progress`` are what goes in and
what comes out, ``report`` what it cost.  Each worker has a ``supervisor`` that keeps one server and one client going:
``launch`` starts and stops a server (``ports``, ``graphics``, ``scratch``: what it holds alone; ``guard``,
``process_group``: how it ends; ``probe``, ``server_log``: how it is), ``client`` is the client's own process, in which
``record`` walks from a scenario to a sealed sequence, and ``client_process`` the other end of it.  ``faults`` names
what can go wrong, ``limits`` says how long it is waited for, ``outcome`` and ``upkeep`` what came of it.  This room
walks from room to room; the rooms do not know it.

Left to others: what happens inside a server, what is stored and how.

Turned down: Ray's own retries.  Ray runs things at least once and backs off ever longer; the store is the ledger
here, work is keyed by content, and a worker that dies is replaced at once by the driver's own loop.  Point clouds
never travel through Ray's object store: a worker returns a few numbers.  Fencing tokens against a worker that was
given up and seals late: its sequence is the same, and the store drops repetitions.  A fixed number of tries before
quarantine: where machines die all the time it sets good scenarios aside.  The client in
the worker's process: CARLA's library calls ``abort`` from threads of its own.  Frames through a pipe to the worker: the
client's process labels and seals by itself, so that watching it costs a word per frame.  ``multiprocessing`` for that
process: its ``spawn`` runs the main module again, which is Ray's.  Ending servers by name, or by a process id alone:
both may be a stranger's.
"""
