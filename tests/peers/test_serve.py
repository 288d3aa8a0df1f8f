"""Does `emaillab serve` do what each of its options says, also between two of its kind and across restarts?"""

import contextlib
import imaplib
import json
import poplib
import signal
import smtplib
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from emaillab.cli.serve import discard
from emaillab.host.mailhost import MailHost
from emaillab.message.trace.path import trace
from emaillab.net.clock import WallClock
from emaillab.net.transcript import Transcript
from emaillab.protocol.backend import Session
from emaillab.protocol.envelope import Envelope
from tests.peers.serve import ADDRESS, DOMAIN, PASSWORD, USER, Serve, emaillab, without_trace
from tests.peers.test_stdlib import LETTER, fetch_all

Start = Callable[..., Serve]


def send(server: Serve, to: str = ADDRESS, letter: bytes = LETTER, service: str = "submission") -> None:
    with smtplib.SMTP(*server.at(service), timeout=60) as client:
        client.login(USER, PASSWORD)
        client.sendmail("alice@crepes.fr", [to], letter)


def one_line(said: bytes) -> str:
    """Return an error message, which is one line."""
    text = said.decode()
    assert text.endswith("\n") and text.count("\n") == 1, text
    assert text.startswith("emaillab")
    return text


class TestStartAndStop:
    def test_it_says_where_its_services_are(self, start: Start) -> None:
        server = start(services=("--smtp", "0", "--imap", "0"))
        assert server.announced == {
            "services": {"smtp": ["127.0.0.1", server.port("smtp")], "imap": ["127.0.0.1", server.port("imap")]},
            "pid": server.process.pid,
        }

    @pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM])
    def test_signals_end_it_well(self, server: Serve, with_signal: int) -> None:
        places = [server.at(service) for service in server.announced["services"]]
        talking = socket.create_connection(places[0])
        server.stop(with_signal)
        talking.close()
        for place in places:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(place)

    def test_open_sessions_are_told_why_they_end(self, server: Serve) -> None:
        ends = {
            "smtp": b"421 4.3.2 example.org is shutting down, closing the connection\r\n",
            "imap": b"* BYE the server is shutting down\r\n",
            "pop3": b"",  # nothing that is no answer is said there
        }
        open_ones = {service: socket.create_connection(server.at(service), 60) for service in ends}
        greetings = {service: client.recv(1000) for service, client in open_ones.items()}
        assert all(greetings.values())
        open_ones["smtp"].sendall(
            b"EHLO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<testuser@example.org>\r\nDATA\r\nhalf"
        )
        while not open_ones["smtp"].recv(1000).endswith(b"on a line of its own\r\n"):
            pass
        server.stop()
        for service, client in open_ones.items():
            with client:
                assert b"".join(iter(lambda client=client: client.recv(1000), b"")) == ends[service]

    def test_at_another_address(self, start: Start) -> None:
        server = start("--bind", "127.0.0.2")
        assert server.at("smtp")[0] == "127.0.0.2"
        send(server, service="smtp")
        assert without_trace(fetch_all(server)[0]) == LETTER
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port("smtp")))

    def test_a_port_in_use(self, server: Serve) -> None:
        refused = emaillab("serve", "--smtp", "0", "--pop3", str(server.port("pop3")))
        assert (refused.returncode, refused.stdout) == (2, b"")
        assert f"port {server.port('pop3')} on 127.0.0.1 is in use" in one_line(refused.stderr)

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ([], "name at least one service"),
            (["--smtp", "sixty"], "'sixty' is not a port"),
            (["--smtp", "65536"], "'65536' is not a port"),
            (["--smtp"], "expected one argument"),
            (["--smtp", "0", "--user", "alice"], "'alice' is not NAME:PASSWORD"),
            (["--smtp", "0", "--user", "a b:c"], "'a b' cannot be an account's name"),
            (["--smtp", "0", "--route", "b.example"], "'b.example' is not DOMAIN=HOST:PORT"),
            (["--smtp", "0", "--bind", "203.0.113.1"], "cannot listen on 203.0.113.1"),
            (["--smtp", "0", "--bind", "no such\nhost"], "cannot listen on no such host"),
            (["--smtp", "0", "--cert-out", "/nowhere/ca.pem"], "/nowhere/ca.pem: No such file or directory"),
            (["--smtp", "0", "--data", "/dev/null/mail"], "a file is in the way"),
            (["--smtp", "0", "--domain", "ex ample"], "'ex ample' is not a domain"),
            (["--smtp", "2525", "--pop3", "2525"], "--pop3 cannot have port 2525: another service of this host has it"),
            (["--smtp", "0", "--user", "@b.example:c"], "'@b.example:c' is not NAME:PASSWORD"),
            (
                ["--smtp", "0", "--user", "a@b.example:c", "--domain", "c.example"],
                "a@b.example is no user of c.example",
            ),
            (["--smtp", "0", "--user", "a:b", "--user", "A:c"], "--user A is given twice"),
            (["--smtp", "0", "--route", "b.example=mx:0"], "nothing listens on 0"),
            (["--smtp", "0", "--route", "b.example=mx:65536"], "'65536' is not a port"),
            (["--smtp", "0", "--route", "b example=mx:25"], "'b example' is not a domain"),
            (["--smtp", "0", "--route", "b.example=m x:25"], "is not DOMAIN=HOST:PORT"),
            (["--smtp", "0", "--bind", ""], "argument --bind: it is empty"),
            (["--smtp", "0", "--data", ""], "argument --data: it is empty"),
            (["--smtp", "0", "--frobnicate"], "emaillab serve: unrecognized arguments: --frobnicate"),
            (["--smtp", "0", "more"], "unrecognized arguments: more"),
        ],
    )
    def test_wrong_usage(self, options: list[str], reason: str) -> None:
        refused = emaillab("serve", *options)
        assert (refused.returncode, refused.stdout) == (2, b"")
        assert reason in one_line(refused.stderr)


class TestData:
    def test_without_a_folder_uids_begin_anew_and_say_so(self, start: Start) -> None:
        """Else Thunderbird would show what it remembers, and fetchmail leave new letters where they are."""
        begun, server = int(time.time()), start()
        send(server)
        with imaplib.IMAP4(*server.at("imap"), timeout=60) as client:
            client.login(USER, PASSWORD)
            [said] = client.status("INBOX", "(UIDVALIDITY)")[1]
        validity = int(said.split()[-1].rstrip(b")"))
        assert begun <= validity <= time.time()
        with contextlib.closing(poplib.POP3(*server.at("pop3"), timeout=60)) as pop:
            pop.user(USER)
            pop.pass_(PASSWORD)
            assert pop.uidl(1) == b"+OK 1 %d.1" % validity

    def test_mail_is_there_after_a_restart(self, start: Start, tmp_path: Path) -> None:
        first = start("--data", tmp_path / "mail")
        send(first)
        first.stop()
        second = start("--data", tmp_path / "mail")
        assert without_trace(fetch_all(second)[0]) == LETTER

    def test_two_servers_do_not_share_a_folder(self, start: Start, tmp_path: Path) -> None:
        start("--data", tmp_path)
        refused = emaillab("serve", "--smtp", "0", "--data", tmp_path)
        assert (refused.returncode, refused.stdout) == (2, b"")
        assert f"{tmp_path} is in use by another running mail host" in one_line(refused.stderr)

    def test_the_folder_is_nobody_elses(self, start: Start, tmp_path: Path) -> None:
        start("--data", tmp_path / "mail")
        assert (tmp_path / "mail").stat().st_mode & 0o077 == 0

    def test_another_programs_folder_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "mail.sqlite").write_bytes(b"something else " * 100)
        refused = emaillab("serve", "--smtp", "0", "--data", tmp_path)
        assert refused.returncode == 2
        assert "is not a mail store" in one_line(refused.stderr)
        assert (tmp_path / "mail.sqlite").read_bytes() == b"something else " * 100


class TestRoute:
    def test_a_letter_goes_on_to_the_next_host(self, start: Start) -> None:
        final = start()
        first = start("--domain", "crepes.fr", "--route", f"{DOMAIN}=127.0.0.1:{final.port('smtp')}")
        send(first)
        while not (got := fetch_all(final)):
            pass
        path = trace(got[0])
        assert [hop.by for hop in path.hops] == ["crepes.fr", DOMAIN]
        assert got[0].startswith(b"Return-Path: <alice@crepes.fr>\r\nReceived: from crepes.fr (localhost [127.0.0.1])")
        assert got[0].count(b"Return-Path:") == 1
        assert got[0].endswith(LETTER)

    def test_a_letter_waits_for_a_host_that_is_down(
        self, start: Start, tmp_path: Path, free_port: Callable[[], int]
    ) -> None:
        """The queue is on the disk: it is there after a restart, and goes when its time comes."""
        options = ("--domain", "crepes.fr", "--data", tmp_path, "--route", f"*=127.0.0.1:{free_port()}")
        first = start(*options)
        send(first)
        first.stop()
        start(*options).stop()

    def test_without_a_route_foreign_mail_is_refused(self, server: Serve) -> None:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            send(server, "bob@hamburger.edu")
        assert refused.value.recipients["bob@hamburger.edu"][0] == 550

    def test_what_the_next_host_refuses_comes_back(self, start: Start) -> None:
        """A delivery status notification reaches the sender."""
        final = start()
        first = start("--domain", "crepes.fr", "--route", f"{DOMAIN}=127.0.0.1:{final.port('smtp')}")
        with smtplib.SMTP(*first.at("submission"), timeout=60) as client:
            client.login(USER, PASSWORD)
            client.sendmail(f"{USER}@crepes.fr", [f"nobody@{DOMAIN}"], LETTER)
        while not (got := fetch_all(first)):
            pass
        assert got[0].startswith(b"Return-Path: <>\r\n")
        assert b"Status: 5.1.1" in got[0] and b"report-type=delivery-status" in got[0]


class TestRecord:
    def test_sessions_are_printed_and_kept(self, start: Start, tmp_path: Path) -> None:
        first = start("--record", "--data", tmp_path)
        send(first)
        fetch_all(first)
        first.stop()
        assert b"S: 220 example.org ESMTP emaillab" in b"".join(first.printed).replace(b"\r", b"")
        kept = sorted((tmp_path / "transcripts").glob("*.json"))
        assert [Transcript.load(file).protocol for file in kept] == ["smtp", "pop3"]
        assert json.loads(kept[0].read_text())["emaillab"] == "transcript"
        second = start("--record", "--data", tmp_path)
        fetch_all(second)
        second.stop()
        again = sorted((tmp_path / "transcripts").glob("*.json"))
        assert [Transcript.load(file).protocol for file in again] == ["smtp", "pop3", "pop3"]

    def test_a_reader_that_leaves_does_not_stop_the_server(self) -> None:
        server = Serve("--record", read_along=False)
        assert server.process.stdout is not None
        server.process.stdout.close()
        for _ in range(3):
            send(server)
        assert len(fetch_all(server)) == 3
        server.stop()


def test_discard(start: Start) -> None:
    server = start("--discard")
    with smtplib.SMTP(*server.at("smtp"), timeout=60) as client:
        for number in range(20):
            assert client.sendmail("a@x.org", [f"b{number}@x.org"], LETTER) == {}
    assert fetch_all(server) == []


def test_letters_that_do_not_come_by_smtp_are_discarded_too() -> None:
    """Webmail hands them straight to the host."""
    host = MailHost("example.org", ip="127.0.0.1", clock=WallClock())
    discard(host)
    host.add_user("testuser", "secret")
    assert host.accept(Session("example.org", "127.0.0.1"), Envelope.plain("a@x.org", "testuser@example.org"), LETTER)
    assert host.letters("testuser") == []
    host.store.close()
