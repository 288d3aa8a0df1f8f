"""Whose program is this? A server may say so in one line of CAPA, which helps whoever hunts an error.

>>> Implementation.CAPABILITIES
('IMPLEMENTATION emaillab',)
"""

from __future__ import annotations

from emaillab.protocol.pop3.session import Pop3Session


class Implementation(Pop3Session):
    """Announce the program's name.

    Source: RFC 2449 §6.9.
    """

    CAPABILITIES = ("IMPLEMENTATION emaillab",)
