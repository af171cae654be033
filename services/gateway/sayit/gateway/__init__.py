"""The gateway: the public API's front door.

It knows who is calling, checks the order and size of messages, and passes everything on to the scheduler as it comes.
It keeps nothing: kill it, and no accepted job is lost; start several, and any of them serves any job.
"""
