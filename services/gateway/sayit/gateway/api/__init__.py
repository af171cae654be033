"""The public services: each method checks what only the gateway can check and passes the rest to the scheduler."""
