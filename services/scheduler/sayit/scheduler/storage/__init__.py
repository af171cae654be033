"""Objects (audio, transcripts) through obstore: a local folder on a laptop, S3 or GCS in production."""
