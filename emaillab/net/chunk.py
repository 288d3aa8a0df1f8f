"""What is the smallest thing that a record of a session holds? Octets that one side sent in one go.

>>> Chunk("S", b"220 mail.crepes.fr ESMTP\\r\\n", sent_s=0.0, arrived_s=0.01).tls
False
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Side = Literal["C", "S"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Octets that one side sent in one go, as both ends read them (inside TLS, where there is TLS)."""

    side: Side
    data: bytes
    sent_s: float  # seconds on the world's clock
    arrived_s: float
    tls: bool = False


class Recorded(Protocol):
    """A session as far as a packet capture shows it."""

    port: int
    client_ip: str
    server_ip: str
    start: str  # what 0 s on the clock means, ISO 8601
    opened_s: float
    closed_s: float | None

    @property
    def chunks(self) -> Sequence[Chunk]:
        """All that was sent, in order."""
