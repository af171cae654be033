"""Which chunk goes to which transcriber, and when: order, queue, attempts, the worker registry, estimates."""
