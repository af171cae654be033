"""REST to gRPC: whoever does not speak gRPC comes through here. It uses the public API and nothing else."""
