"""`sayit tune`: which workers, threads, batch and compute type suit this machine and model best, by measuring."""
