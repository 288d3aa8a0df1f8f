"""Can a log-in be one step? With SASL-IR the first response stands in the line of AUTHENTICATE itself.

>>> SaslIr.CAPABILITIES
{'SASL-IR': <When.ALWAYS: 'always'>}
"""

from __future__ import annotations

from typing import ClassVar

from emaillab.protocol.imap.extensions.auth import Auth, AuthClient
from emaillab.protocol.imap.grammar import Cursor
from emaillab.protocol.imap.results import Response
from emaillab.protocol.imap.session import When


class SaslIr(Auth):
    """Take an initial response.

    Source: RFC 4959.
    """

    CAPABILITIES: ClassVar = {"SASL-IR": When.ALWAYS}

    def initial_response(self, cursor: Cursor) -> bytes | None:
        """Consume what follows the mechanism, None for nothing; "=" stands for an empty response (§3)."""
        if cursor.at_end:
            return None
        cursor.space()
        return cursor.data[cursor.at :]


class SaslIrClient(AuthClient):
    """The client's part of SASL-IR."""

    def authenticate(self, mechanism: bytes, response: bytes) -> Response:
        """Log in with a mechanism of one response: in one step, if the server can."""
        if "SASL-IR" in self._capabilities:
            return self._say(b"AUTHENTICATE " + mechanism, response)
        return super().authenticate(mechanism, response)
