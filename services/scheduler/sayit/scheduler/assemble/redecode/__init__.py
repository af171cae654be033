"""What is decoded once more when a recording's chunks are done, and which text stands then; pure.

A kind of look says which stretches of audio it wants to hear again, from what all chunks said, and later, by what the
looks heard, what the chunks say. Both are functions of the same evidence, so that any scheduler at any time decides
alike. `KINDS` lists them in the order in which they choose and judge.
"""

from sayit.scheduler.assemble.redecode.kinds import KINDS, redecode_requests, texts_with_redecodes
from sayit.scheduler.assemble.redecode.values import Heard, Kind

__all__ = ["KINDS", "Heard", "Kind", "redecode_requests", "texts_with_redecodes"]
