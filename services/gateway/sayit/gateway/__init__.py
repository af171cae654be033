"""The gateway: the entry to the public API.

It identifies the caller, checks the order and size of messages, and passes them on to the scheduler as they arrive.
It keeps no state: no accepted job is lost when it is killed, and each of several gateways serves every job.
"""
