"""When jobs will be done: throughput as measured, the backlog played through, positions in the queue."""
