"""The scheduler's use cases. They know the ports and the pure domain, and neither gRPC nor SQL nor Redis."""
