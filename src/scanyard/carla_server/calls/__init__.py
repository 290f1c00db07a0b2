"""The RPC methods and the commands of a batch: what each does to the world, by its name in the protocol.

A call is a plain function whose first argument is the episode; it runs between two frames, and its annotations say how
the rest is decoded and whether it returns anything.  Every module holds the calls about one subject in a table
``CALLS``, by name; ``table`` unites them.  Left to others: bytes (``protocol``), and how the world answers (``world``).

What cannot be done is a ``Refused`` whose text the user reads.  Calls the client does not wait for are refused in the
same way, and the log alone tells.
"""
