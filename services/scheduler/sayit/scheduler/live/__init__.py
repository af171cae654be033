"""Live speech: what is said in a session, found while it is spoken."""
