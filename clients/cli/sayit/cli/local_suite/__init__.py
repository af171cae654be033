"""One installation on one machine: its processes, who starts them, who restarts them, and who ends them."""
