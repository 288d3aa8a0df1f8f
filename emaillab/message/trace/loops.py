"""How large does a letter grow on its way, and how much does a loop cost?

Every hop adds one Received field of about h octets. So the header grows along a straight line; but a loop sends all
that it has added again in every pass, and what it moves in all grows with the square of the passes.

>>> header_growth(500, 220, 4)
1380
>>> [loop_octets(passes, 1500, 220) for passes in (25, 50, 100)]
[103500, 344500, 1239000]
"""

from __future__ import annotations


def header_growth(h0: float, h: float, hops: int) -> float:
    """Return the header's octets after some hops, H0 + k·h. Arguments: `h0` octets at first, `h` octets a hop."""
    return h0 + hops * h


def loop_octets(passes: int, s0: float, h: float) -> float:
    """Return the octets that a loop moves in all, N·S0 + h·N(N-1)/2.

    Arguments: `s0` is the letter's size in the first pass, `h` what every pass adds to it, both in octets.
    """
    return passes * s0 + h * (passes * (passes - 1) // 2)
