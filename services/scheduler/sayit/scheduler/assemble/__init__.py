"""From the texts of chunks to one transcript: re-decoding, merging, the hallucination filter, formatting."""
