"""The transcriber: one warm Whisper per process that pulls chunks, decodes them and streams their text back.

`engine` turns audio into text, `models` finds and fetches models, `worker` takes chunks from the queue. The service
holds no durable state and no policy: what to decode, and how, arrives with each chunk.
"""
