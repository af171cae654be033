"""`sayit eval`: labelled recordings through a suite, and what came out against what was said."""
