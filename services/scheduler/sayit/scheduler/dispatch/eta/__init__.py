"""When jobs will be done: measured throughput, a simulation of the backlog, positions in the queue."""
