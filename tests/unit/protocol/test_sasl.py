"""Logging in, whatever the protocol: PLAIN and LOGIN as real clients use them."""

import pytest

from emaillab.protocol.sasl import (
    Challenge,
    Credentials,
    LoginServer,
    NotAuthorised,
    PlainServer,
    SaslError,
    decode,
    encode,
    plain_response,
)


@pytest.mark.parametrize("response", [b"\0alice\0s\xc3\xa9cret", b"alice\0alice\0s\xc3\xa9cret"])
def test_plain_takes_an_empty_and_an_equal_authzid(response: bytes) -> None:
    assert PlainServer().step(response) == Credentials("alice", "sécret")


def test_plain_asks_with_an_empty_challenge() -> None:
    server = PlainServer()
    assert server.step(None) == Challenge(b"")
    assert bytes(Challenge(b"")) == b""
    assert server.step(plain_response("alice", "secret")) == Credentials("alice", "secret")


def test_plain_lets_nobody_act_for_another() -> None:
    with pytest.raises(NotAuthorised, match="alice may not act as bob"):
        PlainServer().step(plain_response("alice", "secret", acting_as="bob"))


@pytest.mark.parametrize(
    ("response", "sentence"),
    [
        (b"", "2 NULs, not 0"),
        (b"\0alice", "2 NULs, not 1"),
        (b"\0alice\0sec\0ret", "2 NULs, not 3"),
        (b"\0\0secret", "names no user"),
        (b"\0ali\xff\0secret", "octet 3 is 0xFF"),
    ],
)
def test_plain_says_what_is_wrong(response: bytes, sentence: str) -> None:
    with pytest.raises(SaslError, match=sentence):
        PlainServer().step(response)


def test_login_asks_for_the_name_unless_it_came_with_the_command() -> None:
    whole, short = LoginServer(), LoginServer()
    assert whole.step(None) == Challenge(b"Username:")
    assert whole.step(b"alice") == short.step(b"alice") == Challenge(b"Password:")
    assert whole.step(b"secret") == short.step(b"secret") == Credentials("alice", "secret")


def test_base64_there_and_back() -> None:
    assert encode(b"\0alice\0secret") == b"AGFsaWNlAHNlY3JldA=="
    assert decode(b" AGFsaWNlAHNlY3JldA== ") == b"\0alice\0secret"
    assert encode(b"") == decode(b"") == b""


@pytest.mark.parametrize("line", [b"!!!!", b"AAA", b"AA==AA==", b"A", b"=", b"AA\0A", b"\xff\xff\xff\xff"])
def test_what_is_no_base64_is_refused(line: bytes) -> None:
    with pytest.raises(SaslError, match="not base64"):
        decode(line)
