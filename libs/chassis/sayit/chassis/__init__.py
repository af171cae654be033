"""How any of SayIt's processes runs: settings, start and stop, gRPC, errors, principals, logs, traces, metrics.

Nothing here knows what a process does. A service hands its servicers to `server.serving`, its settings derive from
`settings.ServiceSettings`, and its `__main__` is one call of `process.run`.
"""
