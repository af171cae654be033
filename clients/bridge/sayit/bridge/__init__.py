"""REST to gRPC, for clients that do not speak gRPC. It uses the public API and nothing else."""
