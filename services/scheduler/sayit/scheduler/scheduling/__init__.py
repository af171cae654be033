"""The scheduler's use cases. They ask stores, queues, storage and decoding, and know neither gRPC nor SQL nor Redis."""
