"""Requests to addresses that clients name: where they may go, and how they are made."""
