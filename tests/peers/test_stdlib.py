"""Do the clients of Python's standard library work with our servers, as a student would use them?"""

import imaplib
import poplib
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.peers.serve import ADDRESS, DOMAIN, PASSWORD, USER, Serve, without_trace

LETTER = (
    b"From: Alice <alice@crepes.fr>\r\nTo: testuser@example.org\r\nSubject: crepes\r\n\r\n"
    b"Bonjour,\r\n.a line that begins with a dot\r\n..two dots\r\n.\r\n\r\nAlice\r\n"
)
EIGHT_BIT = (
    "Subject: =?utf-8?b?5Y+v5Li96aW8?=\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: 8bit\r\n\r\n可丽饼好吃吗?\r\n"
).encode()


@pytest.fixture
def smtp(server: Serve) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP(*server.at("smtp"), timeout=60) as client:
        yield client


def fetch_all(server: Serve) -> list[bytes]:
    """Return all letters as POP3 gives them."""
    pop3 = poplib.POP3(*server.at("pop3"), timeout=60)
    pop3.user(USER)
    pop3.pass_(PASSWORD)
    count, _ = pop3.stat()
    letters = [b"".join(line + b"\r\n" for line in pop3.retr(number + 1)[1]) for number in range(count)]
    pop3.quit()
    return letters


def trusting(authority: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority)


class TestSmtplib:
    def test_a_letter_arrives_as_it_was_sent(self, server: Serve, smtp: smtplib.SMTP) -> None:
        assert smtp.sendmail("alice@crepes.fr", [ADDRESS], LETTER) == {}
        smtp.quit()
        (got,) = fetch_all(server)
        assert without_trace(got) == LETTER
        assert got.startswith(b"Return-Path: <alice@crepes.fr>\r\nReceived: from ")

    def test_eight_bit_octets_stay_as_they_are(self, server: Serve, smtp: smtplib.SMTP) -> None:
        smtp.sendmail("alice@crepes.fr", [ADDRESS], EIGHT_BIT, mail_options=["body=8bitmime"])
        assert without_trace(fetch_all(server)[0]) == EIGHT_BIT

    def test_several_letters_in_one_session(self, server: Serve, smtp: smtplib.SMTP) -> None:
        letters = [b"Subject: %d\r\n\r\nletter %d\r\n" % (number, number) for number in range(10)]
        for letter in letters:
            smtp.sendmail("", [ADDRESS], letter)
        assert [without_trace(raw) for raw in fetch_all(server)] == letters

    def test_the_list_of_extensions(self, smtp: smtplib.SMTP) -> None:
        smtp.ehlo()
        assert {"pipelining", "size", "8bitmime", "enhancedstatuscodes", "starttls", "auth"} <= set(smtp.esmtp_features)

    def test_recipients_share_one_fate_each(self, server: Serve, smtp: smtplib.SMTP) -> None:
        """Those that are known get the letter, once, though others are refused."""
        wanted = [f"nobody{number}@{DOMAIN}" for number in range(120)] + [ADDRESS, ADDRESS.upper(), "eve@far.example"]
        refused = smtp.sendmail("alice@crepes.fr", wanted, LETTER)
        assert {code for code, _ in refused.values()} == {550}
        assert set(wanted) - set(refused) == {ADDRESS, ADDRESS.upper()}
        assert len(fetch_all(server)) == 1

    def test_a_hundred_recipients_are_taken(self, server: Serve, smtp: smtplib.SMTP) -> None:
        """RFC 5321 §4.5.3.1.8."""
        assert smtp.sendmail("alice@crepes.fr", [ADDRESS] * 100, LETTER) == {}
        assert len(fetch_all(server)) == 1

    def test_nobody_relays_without_a_login(self, smtp: smtplib.SMTP) -> None:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            smtp.sendmail("alice@crepes.fr", ["bob@hamburger.edu"], LETTER)
        assert refused.value.recipients["bob@hamburger.edu"][0] == 550

    @pytest.mark.parametrize("name", [USER, ADDRESS])
    def test_login_by_every_mechanism(self, server: Serve, name: str) -> None:
        for method in ("auth_plain", "auth_login"):
            with smtplib.SMTP(*server.at("submission"), timeout=60) as client:
                client.ehlo()
                client.user, client.password = name, PASSWORD
                mechanism = method.removeprefix("auth_").upper()
                assert client.auth(mechanism, getattr(client, method))[0] == 235
                assert client.auth(mechanism, getattr(client, method), initial_response_ok=False)[0] == 503
                client.sendmail(ADDRESS, [ADDRESS], LETTER)
        assert len(fetch_all(server)) == 2

    def test_a_wrong_password_is_refused(self, server: Serve) -> None:
        with smtplib.SMTP(*server.at("submission"), timeout=60) as client:
            with pytest.raises(smtplib.SMTPAuthenticationError):
                client.login(USER, "guess")
            with pytest.raises(smtplib.SMTPSenderRefused) as refused:
                client.sendmail(ADDRESS, [ADDRESS], LETTER)
            assert refused.value.smtp_code == 530

    def test_starttls(self, tls_server: Serve, authority: Path) -> None:
        with smtplib.SMTP("localhost", tls_server.port("smtp"), timeout=60) as client:
            client.starttls(context=trusting(authority))
            client.ehlo()
            assert "starttls" not in client.esmtp_features
            client.login(USER, PASSWORD)
            client.sendmail(ADDRESS, [ADDRESS], LETTER)
        (got,) = fetch_all(tls_server)
        assert b" with ESMTPSA id " in got

    def test_tls_from_the_first_octet(self, tls_server: Serve, authority: Path) -> None:
        port = tls_server.port("smtps")
        with smtplib.SMTP_SSL("localhost", port, context=trusting(authority), timeout=60) as client:
            client.login(USER, PASSWORD)
            client.sendmail(ADDRESS, [ADDRESS], EIGHT_BIT)
        assert without_trace(fetch_all(tls_server)[0]) == EIGHT_BIT

    def test_a_stranger_is_not_trusted(self, tls_server: Serve) -> None:
        with (
            smtplib.SMTP("localhost", tls_server.port("smtp"), timeout=60) as client,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            client.starttls(context=ssl.create_default_context())
        assert fetch_all(tls_server) == []  # and the server is well

    def test_commands_in_one_segment(self, server: Serve) -> None:
        """PIPELINING, RFC 2920: the whole session is sent before anything is read."""
        session = [b"EHLO me", b"MAIL FROM:<a@crepes.fr>", b"RCPT TO:<nobody@example.org>", b"RCPT TO:<%b>", b"DATA"]
        with socket.create_connection(server.at("smtp"), timeout=60) as peer:
            peer.sendall(b"\r\n".join(session) % ADDRESS.encode() + b"\r\n")
            replies = peer.makefile("rb")
            while not (line := replies.readline()).startswith(b"354"):
                assert line
            peer.sendall(b"Subject: 1\r\n\r\none\r\n.\r\nMAIL FROM:<>\r\nRSET\r\nNOOP\r\nQUIT\r\n")
            assert [line[:3] for line in replies] == [b"250", b"250", b"250", b"250", b"221"]
        assert without_trace(fetch_all(server)[0]) == b"Subject: 1\r\n\r\none\r\n"


class TestPoplib:
    @pytest.fixture
    def pop3(self, server: Serve, smtp: smtplib.SMTP) -> Iterator[poplib.POP3]:
        for number in range(3):
            smtp.sendmail("alice@crepes.fr", [ADDRESS], b"Subject: %d\r\n\r\none\r\ntwo\r\nthree\r\n" % number)
        client = poplib.POP3(*server.at("pop3"), timeout=60)
        client.user(USER)
        client.pass_(PASSWORD)
        yield client
        client.close()

    def test_looking_at_the_maildrop(self, pop3: poplib.POP3) -> None:
        count, octets = pop3.stat()
        sizes = [int(line.split()[1]) for line in pop3.list()[1]]
        assert (count, octets) == (3, sum(sizes))
        assert pop3.list(2) == b"+OK 2 %d" % sizes[1]
        assert len({line.split()[1] for line in pop3.uidl()[1]}) == 3
        assert pop3.retr(1)[1][-5:] == [b"Subject: 0", b"", b"one", b"two", b"three"]
        assert pop3.top(1, 1)[1][-2:] == [b"", b"one"]

    def test_deletions_are_kept_at_quit_only(self, server: Serve, pop3: poplib.POP3) -> None:
        names = [line.split()[1] for line in pop3.uidl()[1]]
        pop3.dele(1)
        pop3.rset()
        pop3.dele(2)
        assert pop3.stat()[0] == 2
        pop3.quit()
        again = poplib.POP3(*server.at("pop3"), timeout=60)
        again.user(USER)
        again.pass_(PASSWORD)
        assert [line.split()[1] for line in again.uidl()[1]] == [names[0], names[2]]
        again.dele(1)
        again.close()  # without QUIT
        assert len(fetch_all(server)) == 2

    def test_one_session_at_a_time(self, server: Serve, pop3: poplib.POP3) -> None:
        other = poplib.POP3(*server.at("pop3"), timeout=60)
        other.user(USER)
        with pytest.raises(poplib.error_proto, match="IN-USE"):
            other.pass_(PASSWORD)
        other.close()

    def test_a_wrong_password_is_refused(self, server: Serve) -> None:
        client = poplib.POP3(*server.at("pop3"), timeout=60)
        client.user(USER)
        with pytest.raises(poplib.error_proto):
            client.pass_("guess")
        client.quit()

    def test_stls(self, tls_server: Serve, authority: Path) -> None:
        client = poplib.POP3("localhost", tls_server.port("pop3"), timeout=60)
        assert "STLS" in client.capa()
        client.stls(trusting(authority))
        assert "STLS" not in client.capa()
        client.user(USER)
        client.pass_(PASSWORD)
        assert client.stat() == (0, 0)
        client.quit()

    def test_tls_from_the_first_octet(self, tls_server: Serve, authority: Path) -> None:
        port = tls_server.port("pop3s")
        client = poplib.POP3_SSL("localhost", port, context=trusting(authority), timeout=60)
        client.user(USER)
        client.pass_(PASSWORD)
        client.quit()


class TestImaplib:
    @pytest.fixture
    def imap(self, server: Serve) -> Iterator[imaplib.IMAP4]:
        with imaplib.IMAP4(*server.at("imap"), timeout=60) as client:
            client.login(USER, PASSWORD)
            yield client

    def test_append_and_fetch_give_the_same_octets(self, imap: imaplib.IMAP4) -> None:
        for letter in (LETTER, EIGHT_BIT, b"Subject: no end of line"):
            assert imap.append("INBOX", r"(\Seen)", '"02-Mar-2026 09:00:00 +0100"', letter)[0] == "OK"
        assert imap.select("INBOX") == ("OK", [b"3"])
        for number, letter in enumerate((LETTER, EIGHT_BIT, b"Subject: no end of line"), 1):
            (head, raw), *_ = imap.fetch(str(number), "(RFC822.SIZE INTERNALDATE FLAGS BODY.PEEK[])")[1]
            assert raw == letter
            assert b"RFC822.SIZE %d" % len(letter) in head
            assert imaplib.Internaldate2tuple(head) == time.localtime(1772438400)  # 8 o'clock in Greenwich

    def test_a_piece_of_a_letter(self, imap: imaplib.IMAP4) -> None:
        imap.append("INBOX", None, None, LETTER)
        imap.select("INBOX", readonly=True)
        for first, count in ((0, 10), (5, 20), (len(LETTER) - 3, 100), (len(LETTER) + 1, 5)):
            answer = imap.fetch("1", f"(BODY.PEEK[]<{first}.{count}>)")[1][0]
            got = answer[1] if isinstance(answer, tuple) else b""
            assert got == LETTER[first : first + count]
            assert b"<%d>" % first in (answer[0] if isinstance(answer, tuple) else answer)

    def test_sections(self, imap: imaplib.IMAP4) -> None:
        imap.append("INBOX", None, None, LETTER)
        imap.select()
        header, _, text = LETTER.partition(b"\r\n\r\n")
        assert imap.fetch("1", "(BODY.PEEK[HEADER])")[1][0][1] == header + b"\r\n\r\n"
        assert imap.fetch("1", "(BODY.PEEK[TEXT])")[1][0][1] == text
        fields = imap.fetch("1", "(BODY.PEEK[HEADER.FIELDS (SUBJECT X-NONE)])")[1][0][1]
        assert fields == b"Subject: crepes\r\n\r\n"
        assert b"\\Seen" not in imap.fetch("1", "(FLAGS)")[1][0]
        imap.fetch("1", "(RFC822)")
        assert b"\\Seen" in imap.fetch("1", "(FLAGS)")[1][0]

    def test_mailboxes_are_put_in_order(self, imap: imaplib.IMAP4) -> None:
        for done in (imap.create("Work/2026"), imap.subscribe("Work/2026"), imap.append("INBOX", None, None, LETTER)):
            assert done[0] == "OK"
        imap.select()
        assert imap.copy("1", "Work/2026")[0] == "OK"
        assert imap.uid("COPY", "1", "Work/2026")[0] == "OK"
        assert imap.rename("Work", "Done") == ("OK", [b"renamed"])
        assert imap.lsub()[1] == [b'() "/" "Work/2026"']
        assert imap.select("Done/2026") == ("OK", [b"2"])
        assert imap.fetch("2", "(BODY.PEEK[])")[1][0][1] == LETTER
        for done in (imap.unsubscribe("Work/2026"), imap.delete("Done/2026")):
            assert done[0] == "OK"
        assert imap.list()[1] == [rb'(\HasNoChildren) "/" "INBOX"']
        assert imap.response("EXPUNGE")[1] == [b"1", b"1"]  # what is selected still is gone too

    def test_search(self, imap: imaplib.IMAP4) -> None:
        for number in range(5):
            imap.append("INBOX", r"(\Flagged)" if number % 2 else None, None, b"Subject: s%d\r\n\r\n" % number)
        imap.append("INBOX", None, None, EIGHT_BIT)
        imap.select()
        assert imap.search(None, "FLAGGED")[1] == [b"2 4"]
        assert imap.search(None, 'SUBJECT "s3"')[1] == [b"4"]
        assert imap.search(None, "NOT", "FLAGGED", "UID", "1:3")[1] == [b"1 3"]
        imap.literal = "可丽饼".encode()
        assert imap.search("UTF-8", "SUBJECT")[1] == [b"6"]
        assert imap.search(None, "SUBJECT nothing-of-the-kind")[1] == [b""]

    def test_by_unique_identifier(self, imap: imaplib.IMAP4) -> None:
        for number in range(4):
            imap.append("INBOX", None, None, b"Subject: %d\r\n\r\n" % number)
        imap.select()
        imap.store("1:2", "+FLAGS", r"(\Deleted)")
        assert imap.expunge()[1] == [b"1", b"1"]
        assert imap.uid("SEARCH", "ALL")[1] == [b"3 4"]
        head, raw = imap.uid("FETCH", "4", "(BODY.PEEK[])")[1][0]
        assert (b"UID 4" in head, raw) == (True, b"Subject: 3\r\n\r\n")
        imap.uid("STORE", "3", "+FLAGS.SILENT", r"(\Answered $Custom)")
        assert b"$Custom" in imap.uid("FETCH", "3", "(FLAGS)")[1][0]

    def test_a_letter_that_arrives_meanwhile_is_seen(self, imap: imaplib.IMAP4, smtp: smtplib.SMTP) -> None:
        assert imap.select()[1] == [b"0"]
        smtp.sendmail("alice@crepes.fr", [ADDRESS], LETTER)
        imap.noop()
        assert imap.response("EXISTS")[1] == [b"0", b"1"]
        assert without_trace(imap.fetch("1", "(BODY[])")[1][0][1]) == LETTER

    def test_mailboxes(self, imap: imaplib.IMAP4) -> None:
        assert imap.list()[1] == [b'(\\HasNoChildren) "/" "INBOX"']
        assert b"MESSAGES 0" in imap.status("INBOX", "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN)")[1][0]
        assert imap.select("Nowhere")[0] == "NO"

    def test_authenticate(self, server: Serve) -> None:
        with imaplib.IMAP4(*server.at("imap"), timeout=60) as client:
            status, _ = client.authenticate("PLAIN", lambda challenge: f"\0{USER}\0{PASSWORD}".encode())
            assert status == "OK"

    def test_a_wrong_password_is_refused(self, server: Serve) -> None:
        with imaplib.IMAP4(*server.at("imap"), timeout=60) as client, pytest.raises(imaplib.IMAP4.error):
            client.login(USER, "guess")

    def test_starttls(self, tls_server: Serve, authority: Path) -> None:
        with imaplib.IMAP4("localhost", tls_server.port("imap"), timeout=60) as client:
            client.starttls(trusting(authority))
            client.login(USER, PASSWORD)
            client.append("INBOX", None, None, LETTER)
            client.select()
            assert client.fetch("1", "(BODY[])")[1][0][1] == LETTER

    def test_tls_from_the_first_octet(self, tls_server: Serve, authority: Path) -> None:
        port = tls_server.port("imaps")
        with imaplib.IMAP4_SSL("localhost", port, ssl_context=trusting(authority), timeout=60) as client:
            client.login(USER, PASSWORD)


def test_passwords_wait_for_tls_where_they_must(start: Callable[..., Serve], authority: Path) -> None:
    server = start("--require-tls", "--cert-out", authority)
    with smtplib.SMTP("localhost", server.port("submission"), timeout=60) as smtp:
        smtp.ehlo()
        assert "auth" not in smtp.esmtp_features
        assert smtp.docmd("AUTH", "PLAIN AHRlc3R1c2VyAHNlY3JldA==")[0] == 538
        smtp.starttls(context=trusting(authority))
        smtp.login(USER, PASSWORD)
    pop3 = poplib.POP3("localhost", server.port("pop3"), timeout=60)
    with pytest.raises(poplib.error_proto):
        pop3.user(USER)
        pop3.pass_(PASSWORD)
    pop3.stls(trusting(authority))
    pop3.user(USER)
    pop3.pass_(PASSWORD)
    pop3.quit()
    with imaplib.IMAP4("localhost", server.port("imap"), timeout=60) as imap:
        assert "LOGINDISABLED" in imap.capabilities
        with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
            imap.login(USER, PASSWORD)
        imap.starttls(trusting(authority))
        imap.login(USER, PASSWORD)
