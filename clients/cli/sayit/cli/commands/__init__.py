"""One module per command: arguments in, a call, something printed."""
