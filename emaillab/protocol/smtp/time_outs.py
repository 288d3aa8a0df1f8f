"""How long does an SMTP client wait for an answer? For the whole of it, however many lines it has.

>>> time_out_s("RCPT"), time_out_s(CONTENT), time_out_s("NOOP")
(300.0, 600.0, 300.0)
"""

from __future__ import annotations

from collections.abc import Mapping

GREETING, BLOCK, CONTENT = "(greeting)", "(block)", "(content)"

TIME_OUTS: Mapping[str, float] = {
    GREETING: 300.0,
    "MAIL": 300.0,
    "RCPT": 300.0,
    "DATA": 120.0,
    BLOCK: 180.0,  # for the peer to take a block of the content
    CONTENT: 600.0,  # after the final dot: the server may have much to do, and who gives up here doubles the letter
    "QUIT": 10.0,  # all is said; SIMPLIFIED: the RFC names no time
}
"""Seconds, by what is answered. Source: RFC 5321 §4.5.3.2."""
OTHERS_S = 300.0


def time_out_s(answered: str, time_outs: Mapping[str, float] = TIME_OUTS) -> float:
    """Return how long the answer to a command may take, in seconds."""
    return time_outs.get(answered, OTHERS_S)
