"""How a transcriber gets chunks and returns their text: the arq loop, the RunChunk call, slots, reports.

A message from the queue only names a chunk. The claim, the audio, the text and the lease all travel on one gRPC call
per attempt; the message is finished as soon as the claim is answered.
"""
