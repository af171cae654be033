"""The `sayit` command: runs a suite on one machine, transcribes files, manages jobs, examines the installation.

It talks to a suite through the Python SDK only, as any other client would. `local_suite/` starts and supervises the
processes of a local installation, `transcription/` does the work of `sayit transcribe`, `doctor/` examines the
installation, and `commands/` holds one module per command; heavy modules are imported inside the commands, so that
`sayit --help` is quick.
"""
