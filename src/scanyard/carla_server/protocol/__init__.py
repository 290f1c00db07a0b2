"""Every byte that crosses the two sockets: msgpack-RPC, stream messages, and the structs inside them.

Left to others: what a call does (``calls``) and what a sensor saw (``sensors``).
"""
