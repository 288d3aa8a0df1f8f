"""How does a connection become private, and who vouches for the other end?

>>> authority = Authority()
>>> server = TlsEnd(authority.server_context("mail.b.example"), server_side=True)
>>> client = TlsEnd(authority.client_context(), server_name="mail.b.example")
>>> while not (client.handshake_done and server.handshake_done):
...     server.receive(client.outgoing()); client.receive(server.outgoing())
>>> client.version
'TLSv1.3'
>>> client.send(b"QUIT\\r\\n"); wire = client.outgoing(); b"QUIT" in wire
False
>>> server.receive(wire); server.read()
b'QUIT\\r\\n'
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

    from trustme import LeafCert

READ_SIZE = 1 << 16
# Where a ClientHello, which opens every connection, has its random: after record header, handshake header, version.
CLIENT_RANDOM = slice(11, 43)


class TlsError(ConnectionError):
    """TLS cannot be spoken, or no longer; the sentence says why."""


class Authority:
    """A certificate authority for a course: vouches for the lab's servers, to whoever trusts it, and nobody else does.

    Raises: TlsError when the packages it needs are not installed.
    """

    def __init__(self) -> None:
        try:
            import ssl  # noqa: F401, some Pythons in browsers have none

            from trustme import CA
        except ImportError as error:
            raise TlsError(f'TLS needs {error.name}, which is missing here: pip install "emaillab[tls]"') from None
        self._ca = CA(organization_name="emaillab", organization_unit_name="course certificate authority")
        self._certificates: dict[tuple[str, ...], LeafCert] = {}

    @property
    def pem(self) -> bytes:
        """The authority's own certificate, for clients that are to trust it."""
        return self._ca.cert_pem.bytes()

    def certificate_for(self, *names: str) -> LeafCert:
        """Return a certificate with its key for host names and IP addresses; asked again, the same."""
        if names not in self._certificates:
            self._certificates[names] = self._ca.issue_cert(*names)
        return self._certificates[names]

    def server_context(self, *names: str) -> ssl.SSLContext:
        """Return what a server of these names needs to speak TLS."""
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.certificate_for(*names).configure_cert(context)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return what a client needs that trusts this authority and no other."""
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._ca.configure_trust(context)
        return context

    def server_end(self, *names: str) -> TlsEnd:
        """Return a new connection's end for a server of these names."""
        return TlsEnd(self.server_context(*names), server_side=True)

    def client_end(self, server: str) -> TlsEnd:
        """Return a new connection's end for a client that wants to speak with this server and no other."""
        return TlsEnd(self.client_context(), server_name=server)


class TlsEnd:
    """One end of TLS, over bytes: no socket, no waiting.

    Ciphertext from the wire goes into `receive`, ciphertext for the wire comes out of `outgoing`; plaintext goes into
    `send` and comes out of `read`. A client's end checks that the certificate is for `server_name`. With `on_secret`
    it hands over each line of the connection's key log once the handshake is done; Wireshark decrypts with them.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool = False,
        server_name: str | None = None,
        on_secret: Callable[[str], None] | None = None,
    ) -> None:
        import ssl

        self.handshake_done = False
        self.closed = False
        self._server_side = server_side
        self._peer = server_name or "the peer"
        self._plaintext = bytearray()
        self._unsent = bytearray()  # what was to be sent before the handshake was done
        self._hello = b""  # the client's first octets
        self._on_secret = on_secret
        self._key_log = None if on_secret is None else _KeyLog(context)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side, server_name)
        self._advance()

    @property
    def version(self) -> str | None:
        """The version of TLS agreed on, "TLSv1.3"; None before that."""
        return self._tls.version() if self.handshake_done else None

    def receive(self, ciphertext: bytes) -> None:
        """Take octets from the wire.

        Raises: TlsError when the peer cannot be trusted or broke the rules; `outgoing` then tells the peer.
        """
        if self.closed:
            return
        if self._server_side:
            self._note_hello(ciphertext)
        self._incoming.write(ciphertext)
        self._advance()

    def send(self, plaintext: bytes) -> None:
        """Encrypt octets for the peer, if need be after the handshake. Raises: TlsError when TLS is closed."""
        if self.closed:
            raise TlsError("TLS is closed: nothing can be sent any more")
        if not self.handshake_done:
            self._unsent += plaintext
        elif plaintext:
            self._tls.write(plaintext)

    def outgoing(self) -> bytes:
        """Return the octets that are to go on the wire now, and forget them."""
        ciphertext = self._outgoing.read()
        if not self._server_side:
            self._note_hello(ciphertext)
        return ciphertext

    def read(self) -> bytes:
        """Return the plaintext that has come, and forget it."""
        plaintext = bytes(self._plaintext)
        self._plaintext.clear()
        return plaintext

    def close(self) -> None:
        """Tell the peer that no more will come; harmless when closed."""
        import ssl

        if self.handshake_done and not self.closed:
            with suppress(ssl.SSLError):  # it wants the peer's farewell too, for which nobody waits
                self._tls.unwrap()
        self.closed = True

    def _advance(self) -> None:
        """Carry the handshake on, then decrypt, as far as what has come allows."""
        import ssl

        try:
            if not self.handshake_done:
                self._tls.do_handshake()
                self._start()
            while octets := self._tls.read(READ_SIZE):
                self._plaintext += octets
            self.close()  # the peer's farewell
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.close()
        except ssl.SSLError as error:
            self.closed = True
            raise TlsError(_sentence(error, self._peer)) from None

    def _start(self) -> None:
        self.handshake_done = True
        if self._unsent:
            self._tls.write(bytes(self._unsent))
            self._unsent.clear()
        if self._key_log is not None and self._on_secret is not None:
            for line in self._key_log.lines(self._hello[CLIENT_RANDOM]):
                self._on_secret(line)

    def _note_hello(self, ciphertext: bytes) -> None:
        if len(self._hello) < CLIENT_RANDOM.stop:
            self._hello += ciphertext[: CLIENT_RANDOM.stop - len(self._hello)]


class _KeyLog:
    """The secrets of one connection, from the file in which OpenSSL writes those of all connections of a context."""

    def __init__(self, context: ssl.SSLContext) -> None:
        if not context.keylog_filename:
            context.keylog_filename = _temporary_file(context)
        self._path = Path(context.keylog_filename)
        self._from = self._path.stat().st_size

    def lines(self, client_random: bytes) -> list[str]:
        """Return the lines `LABEL CLIENT_RANDOM SECRET` of the connection that opened with this random."""
        with self._path.open("rb") as log:
            log.seek(self._from)
            written = log.read().decode("ascii")
        return [line for line in written.splitlines() if client_random.hex() in line]


def _temporary_file(owner: object) -> str:
    """Make a file that goes when its owner goes."""
    import os
    import tempfile
    import weakref

    handle, name = tempfile.mkstemp(prefix="emaillab-keys-")
    os.close(handle)
    weakref.finalize(owner, Path(name).unlink, missing_ok=True)
    return name


def _sentence(error: ssl.SSLError, peer: str) -> str:
    """Say what went wrong, as OpenSSL's own words do not."""
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of {peer} cannot be trusted: {error.verify_message}"
    reason = (error.reason or str(error)).replace("_", " ").lower()
    if "alert" in reason:
        return f"{peer} refused TLS and gave as its reason: {reason.partition('alert ')[2]}"
    if reason in {"wrong version number", "http request", "record layer failure", "unknown protocol"}:
        return f"{peer} does not speak TLS, or no longer: what came is no TLS record"
    return f"TLS with {peer} failed: {reason}"
