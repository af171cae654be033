"""Any media file to 16 kHz audio, in a throwaway child process that can do nothing else.

`pool.DecoderPool` is the way in. A file reaches its child as an open descriptor; the child has its own session, a bare
environment and lowered limits (`confinement`), opens only allowed formats and codecs and nothing beyond the file
(`decoder`), and answers in small frames (`frames`) that the parent checks, counts and times (`pool`).

The child imports this package, too, so it imports nothing: asyncio alone would cost every child 7 MB.
"""
