"""The work of `sayit transcribe`: files in, events shown, results out."""
