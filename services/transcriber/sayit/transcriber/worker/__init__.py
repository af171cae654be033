"""How a transcriber gets work and gives text back: the arq loop, the RunChunk call, slots, reports.

A message from the queue only names a chunk. The claim, the audio, the text and the lease all travel on one gRPC call
per attempt; the message is done with as soon as the claim is answered.
"""
