"""HTTP: one module per surface, and what the surfaces share."""
