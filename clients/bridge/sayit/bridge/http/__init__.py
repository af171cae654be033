"""The HTTP application: one module per surface, and what the surfaces share."""
