"""The scheduler's side of Redis: the dispatch queue in arq's format, and the bus that wakes watchers.

Redis is the doorbell, never the truth: everything here may be lost at any time, and the database rings again.
"""
