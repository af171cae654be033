"""The chunk cache: text of chunks for other jobs with the same audio and options."""
