"""Do the sessions of a host that is stopped end with a word, the same on both networks?"""

import pytest

from emaillab.world import Internet


def stopped(network: str) -> list[list[tuple[str, float, float, bytes]]]:
    """Open sessions with two hosts, stop one of them, and return what all sessions left behind."""
    with Internet.textbook(network=network) as net:  # type: ignore[arg-type]
        smtp, pop3, imap = net.smtp("hamburger.edu"), net.pop3("hamburger.edu"), net.imap("hamburger.edu")
        other, half = net.smtp("crepes.fr"), net.smtp("hamburger.edu")
        half.ehlo("x")
        half.mail("alice@crepes.fr")
        half.rcpt("bob@hamburger.edu")
        half.data()
        half.stream.send(b"half of a letter\r\n")
        net.advance(seconds=30)
        net.stop("hamburger.edu")
        net.advance(seconds=1)
        assert [str(reply)[:3] for reply in smtp.news()] == ["421"] and not pop3.stream.ready()
        with pytest.raises(ConnectionError):
            smtp.noop()
        with pytest.raises(ConnectionError):
            pop3.noop()
        with pytest.raises(ConnectionError):
            half.stream.readline(), half.stream.readline()
        assert other.noop().ok, "the other host goes on"
        with pytest.raises(ConnectionRefusedError):
            net.smtp("hamburger.edu")
        assert not net["hamburger.edu"].letters("bob")
        net.start("hamburger.edu")
        assert net.smtp("hamburger.edu").greeting.ok
        del imap
        return [
            [(chunk.side, round(chunk.sent_s, 6), round(chunk.arrived_s, 6), chunk.data) for chunk in session.chunks]
            for session in net.transcripts
        ]


def test_they_are_told_and_both_networks_show_the_same() -> None:
    memory, tcp = stopped("memory"), stopped("tcp")
    assert memory == tcp
    last = [next(chunk for chunk in reversed(chunks) if chunk[0] == "S") for chunks in memory]
    assert [said[:4] for _, _, _, said in last] == [b"421 ", b"+OK ", b"* BY", b"250 ", b"421 ", b"220 "]
    assert 30 < last[0][1] < 31
