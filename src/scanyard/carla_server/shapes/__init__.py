"""What actors look like: one module per kind of body, and the catalogue that picks by blueprint."""
