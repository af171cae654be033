"""`sayit listen`: where the audio comes from, and what is shown."""
