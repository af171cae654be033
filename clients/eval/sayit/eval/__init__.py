"""`sayit eval`: transcribes labelled recordings on a suite and compares the text with the labels."""
