"""The RPC methods and the commands of a batch: what each does to the world, by its name in the protocol."""
