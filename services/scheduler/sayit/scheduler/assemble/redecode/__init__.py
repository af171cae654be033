"""Re-decodes: what is decoded again when a recording's chunks are done, and which text is kept then; pure.

A kind of re-decode chooses stretches of audio by the texts of all chunks, and later corrects these texts by the
re-decodes' texts. Both are functions of the same evidence, so that any scheduler at any time decides alike. `KINDS`
lists the kinds in the order in which they choose and correct.
"""

from sayit.scheduler.assemble.redecode.kinds import KINDS, REFINING, redecode_requests, texts_with_redecodes
from sayit.scheduler.assemble.redecode.values import Heard, Kind

__all__ = ["KINDS", "REFINING", "Heard", "Kind", "redecode_requests", "texts_with_redecodes"]
