"""Any media file to 16 kHz audio, in a child process for one file that can do nothing else.

`pool.AudioReaderPool` is the interface. A file reaches its child as an open descriptor; the child has its own session,
a bare environment and lowered limits (`sandbox`), opens only allowed formats and codecs and nothing beyond the file
(`demux`), and answers in small frames (`frames`) that the parent checks, counts and times (`pool`).

The child imports this package, too, so it imports nothing: asyncio alone would cost every child 7 MB.
"""
