"""Webhooks: signed messages about jobs that ended."""
