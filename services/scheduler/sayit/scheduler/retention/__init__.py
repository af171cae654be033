"""How long data stays: expiry, garbage collection of objects, backup and restore."""
