"""One installation on one machine: its processes, and what starts, restarts and ends them."""
