"""How does a user prove who they are? SASL: short exchanges of challenges and responses, the same in every protocol.

A mechanism knows octets only; SMTP, POP3 and IMAP carry them in lines of base64. Base64 hides nothing: whoever
sees the line can read the password, so PLAIN and LOGIN are safe only under TLS.

>>> encode(plain_response("alice", "secret"))
b'AGFsaWNlAHNlY3JldA=='
>>> PlainServer().step(decode(b"AGFsaWNlAHNlY3JldA=="))
Credentials(user='alice', password='secret')
>>> login = LoginServer()
>>> login.step(None), login.step(b"alice"), login.step(b"secret").user
(Challenge(text=b'Username:'), Challenge(text=b'Password:'), 'alice')
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from typing import Protocol


class SaslError(Exception):
    """A response that the mechanism cannot use; the sentence says why."""


class NotAuthorised(SaslError):
    """A user asked to act as somebody else."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the server asks next; `bytes()` is the base64 that goes on the wire."""

    text: bytes

    def __bytes__(self) -> bytes:
        return encode(self.text)


class Kept(Protocol):
    """What a host keeps of an account, by which its owner is known."""

    @property
    def name(self) -> str:
        """The account's name."""

    @property
    def password(self) -> str | None:
        """The password in the clear; None where the host keeps none."""

    def key(self, mechanism: str) -> bytes | None:
        """Return what is kept for a mechanism that needs no password, such as the keys of SCRAM; None: nothing."""


@dataclass(frozen=True, slots=True)
class KeptPassword:
    """An account of which a password is kept, and nothing else."""

    name: str
    password: str | None

    def key(self, mechanism: str) -> bytes | None:
        """Return None: nothing is kept for any mechanism."""
        return None


class Proof(Protocol):
    """What a client has shown at the end of an exchange. Each mechanism knows how to hold it against what is kept."""

    @property
    def user(self) -> str:
        """Whom the client claims to be."""

    def holds(self, kept: Kept) -> bool:
        """Tell whether it is true, in a time that tells nothing of what is kept."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The proof of PLAIN, LOGIN and all log-ins by name and password: the password itself."""

    user: str
    password: str

    def holds(self, kept: Kept) -> bool:
        """Compare the passwords."""
        from hmac import compare_digest  # costs as much to import as all of this module

        right = kept.password
        same = compare_digest(self.password.encode(errors="replace"), (right or "").encode(errors="replace"))
        return same and right is not None


class SaslServer(Protocol):
    """The server's end of one exchange."""

    def step(self, response: bytes | None) -> Challenge | Proof:
        """Take the client's next response, decoded; None begins an exchange without an initial response.

        Raises: SaslError.
        """


class PlainServer:
    """PLAIN: everything in one response.

    Source: RFC 4616 §2.
    """

    def step(self, response: bytes | None) -> Challenge | Proof:
        """Return an empty challenge first, unless the response has come with the command."""
        if response is None:
            return Challenge(b"")
        # message = [authzid] UTF8NUL authcid UTF8NUL passwd
        parts = response.split(b"\0")
        if len(parts) != 3:
            raise SaslError(f"PLAIN is authzid NUL authcid NUL password: 2 NULs, not {len(parts) - 1}")
        authzid, authcid, password = parts
        if not authcid:
            raise SaslError("PLAIN names no user")
        if authzid not in (b"", authcid):  # mutt sends authzid = authcid, msmtp leaves it empty
            raise NotAuthorised(f"{_text(authcid)} may not act as {_text(authzid)}")
        return Credentials(_text(authcid), _text(password))


class LoginServer:
    """LOGIN: name and password in turn.

    QUIRK: never standardised, but swaks, Outlook and many devices use it; some put the name into the command's line.
    Source: draft-murchison-sasl-login-00.
    """

    def __init__(self) -> None:
        self._user: str | None = None

    def step(self, response: bytes | None) -> Challenge | Proof:
        """Ask for the name, then for the password."""
        if response is None:
            return Challenge(b"Username:")
        if self._user is not None:
            return Credentials(self._user, _text(response))
        if not response:
            raise SaslError("LOGIN names no user")
        self._user = _text(response)
        return Challenge(b"Password:")


MECHANISMS: dict[str, type[PlainServer] | type[LoginServer]] = {"PLAIN": PlainServer, "LOGIN": LoginServer}
"""The mechanisms by name, as servers announce them and in the order in which clients should prefer them."""


def plain_response(user: str, password: str, *, acting_as: str = "") -> bytes:
    """Return the one response of PLAIN, not yet encoded."""
    return f"{acting_as}\0{user}\0{password}".encode()


def encode(octets: bytes) -> bytes:
    """Return octets as one line of base64.

    Source: RFC 4648 §4.
    """
    return binascii.b2a_base64(octets, newline=False)


def decode(line: bytes) -> bytes:
    """Return the octets of one line of base64. Raises: SaslError."""
    line = line.strip(b" ")
    try:
        return binascii.a2b_base64(line, strict_mode=True) if line else b""
    except binascii.Error as error:
        raise SaslError(f"this is not base64: {str(error)[:1].lower()}{str(error)[1:]}") from None


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        raise SaslError(f"names and passwords are UTF-8: octet {error.start} is 0x{octets[error.start]:02X}") from None
