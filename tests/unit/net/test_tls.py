"""Is what two ends say to each other private, and do they refuse whom they cannot trust?"""

import ssl
import sys
import tempfile
from pathlib import Path

import pytest

from emaillab.net.tls import Authority, TlsEnd, TlsError

NAME = "mail.b.example"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


class Pair:
    """A client's and a server's end, and every octet that went over the wire between them."""

    def __init__(self, server: TlsEnd, client: TlsEnd, segment: int = 1 << 20) -> None:
        self.server, self.client, self.segment = server, client, segment
        self.wire = b""

    def carry(self, source: TlsEnd, target: TlsEnd) -> bool:
        octets = source.outgoing()
        self.wire += octets
        for at in range(0, len(octets), self.segment):
            target.receive(octets[at : at + self.segment])
        return bool(octets)

    def settle(self) -> None:
        while self.carry(self.client, self.server) or self.carry(self.server, self.client):
            pass


def pair(authority: Authority, segment: int = 1 << 20) -> Pair:
    server = TlsEnd(authority.server_context(NAME, "127.0.0.1"), server_side=True)
    return Pair(server, TlsEnd(authority.client_context(), server_name=NAME), segment)


@pytest.mark.parametrize("segment", [1, 7, 1000, 1 << 20])
def test_both_ends_read_what_the_other_sent_however_the_octets_are_cut(authority: Authority, segment: int) -> None:
    ends = pair(authority, segment)
    ends.settle()
    assert ends.client.handshake_done and ends.server.handshake_done
    assert ends.client.version == ends.server.version == "TLSv1.3"
    letter = b"Subject: secret plans\r\n" * 5000  # more than one TLS record holds
    ends.client.send(letter)
    ends.server.send(b"250 ok\r\n")
    ends.settle()
    assert ends.server.read() == letter
    assert ends.client.read() == b"250 ok\r\n"
    assert ends.server.read() == b""


def test_plaintext_is_never_on_the_wire(authority: Authority) -> None:
    ends = pair(authority)
    ends.client.send(b"AUTH PLAIN c2VjcmV0\r\n")  # before the handshake: it waits
    assert b"c2VjcmV0" not in ends.client.outgoing()
    ends = pair(authority)
    ends.client.send(b"AUTH PLAIN c2VjcmV0\r\n")
    ends.settle()
    assert ends.server.read() == b"AUTH PLAIN c2VjcmV0\r\n"
    assert b"c2VjcmV0" not in ends.wire and b"AUTH" not in ends.wire


def test_a_certificate_of_another_authority_is_refused_and_both_ends_say_why(authority: Authority) -> None:
    server = TlsEnd(authority.server_context(NAME), server_side=True)
    ends = Pair(server, TlsEnd(Authority().client_context(), server_name=NAME))
    ends.carry(ends.client, ends.server)
    with pytest.raises(TlsError, match=r"^the certificate of mail.b.example cannot be trusted: "):
        ends.carry(ends.server, ends.client)
    with pytest.raises(TlsError, match=r"^the peer refused TLS and gave as its reason: unknown ca$"):
        ends.carry(ends.client, ends.server)
    assert ends.client.closed and ends.server.closed
    assert not ends.client.handshake_done and ends.client.version is None


def test_a_certificate_for_another_name_is_refused(authority: Authority) -> None:
    server = TlsEnd(authority.server_context(NAME), server_side=True)
    ends = Pair(server, TlsEnd(authority.client_context(), server_name="mail.c.example"))
    with pytest.raises(TlsError, match="Hostname mismatch"):
        ends.settle()


def test_an_address_is_a_name_too(authority: Authority) -> None:
    server = TlsEnd(authority.server_context(NAME, "127.0.0.1", "::1"), server_side=True)
    ends = Pair(server, TlsEnd(authority.client_context(), server_name="127.0.0.1"))
    ends.settle()
    assert ends.client.handshake_done


@pytest.mark.parametrize("spoken", [b"EHLO a.example\r\n", b"GET / HTTP/1.1\r\n\r\n", bytes(300), b"\xff" * 300])
def test_a_peer_that_speaks_no_tls_gets_a_sentence(authority: Authority, spoken: bytes) -> None:
    ends = pair(authority)
    with pytest.raises(TlsError, match=r"^the peer does not speak TLS"):
        ends.server.receive(spoken)
    with pytest.raises(TlsError, match=rf"^{NAME} does not speak TLS"):
        ends.client.receive(spoken)


def test_plaintext_inside_an_established_connection_is_refused(authority: Authority) -> None:
    ends = pair(authority)
    ends.settle()
    with pytest.raises(TlsError, match="no TLS record"):
        ends.server.receive(b"QUIT\r\n")
    assert ends.server.read() == b""


def test_changed_ciphertext_is_refused(authority: Authority) -> None:
    ends = pair(authority)
    ends.settle()
    ends.client.send(b"RCPT TO:<bob@b.example>\r\n")
    octets = bytearray(ends.client.outgoing())
    octets[-1] ^= 1
    with pytest.raises(TlsError, match="TLS with the peer failed"):
        ends.server.receive(bytes(octets))
    assert ends.server.read() == b""


def test_a_farewell_closes_both_ends_after_what_was_said_before(authority: Authority) -> None:
    ends = pair(authority)
    ends.settle()
    ends.client.send(b"QUIT\r\n")
    ends.client.close()
    ends.client.close()
    ends.settle()
    assert ends.server.read() == b"QUIT\r\n"
    assert ends.server.closed
    with pytest.raises(TlsError, match="closed"):
        ends.server.send(b"221 bye\r\n")
    ends.server.receive(b"anything")  # after the end nobody listens
    assert ends.server.read() == b""


def test_the_key_log_tells_the_secrets_of_one_connection(authority: Authority) -> None:
    context = authority.server_context(NAME)
    logs: list[list[str]] = [[], []]
    both = [
        Pair(
            TlsEnd(context, server_side=True, on_secret=log.append),
            TlsEnd(authority.client_context(), server_name=NAME),
            segment=5,
        )
        for log in logs
    ]
    for ends in both:
        ends.carry(ends.client, ends.server)
    for ends in both:
        ends.settle()
    for ends, log in zip(both, logs, strict=True):
        random = ends.wire[11:43].hex()  # in the ClientHello
        assert {line.split()[0] for line in log} >= {"CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"}
        assert {line.split()[1] for line in log} == {random}
    file = Path(context.keylog_filename)
    assert file.parent == Path(tempfile.gettempdir())
    del both, ends, context
    assert not file.exists()  # secrets do not outlive the server


def test_the_authority_vouches_to_whoever_has_its_pem(authority: Authority) -> None:
    context = ssl.create_default_context(cadata=authority.pem.decode("ascii"))
    server = TlsEnd(authority.server_context(NAME), server_side=True)
    ends = Pair(server, TlsEnd(context, server_name=NAME))
    ends.settle()
    assert ends.client.handshake_done
    assert authority.certificate_for("a", "b") is authority.certificate_for("a", "b")


def test_without_its_packages_tls_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(TlsError, match=r'^TLS needs trustme.*pip install "emaillab\[tls\]"$'):
        Authority()
