"""Do the mail programs that people use send to our servers and read from them: swaks, curl, mutt, mbsync, fetchmail?"""

import contextlib
import hashlib
import imaplib
import os
import pty
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from emaillab.message.mime.dissect import dissect
from tests.peers.serve import ADDRESS, PASSWORD, USER, Serve, run, without_trace

Tool = Callable[[str], str]

HARD = (
    b"From: Alice <alice@crepes.fr>\r\nTo: testuser@example.org\r\nSubject: hard\r\n\r\n"
    b".\r\n..\r\n...\r\n.dot\r\nQUIT\r\n"
    + b"x" * 998
    + b"\r\n\r\n\tspace at the end \r\n"
    + "可丽饼\r\n".encode()
    + b"\xff\xfe\x80\r\n\r\n\r\n"
)


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    """A file with a letter that is hard to carry."""
    file = tmp_path / "letter.eml"
    file.write_bytes(HARD)
    return file


def by_curl(curl: str, server: Serve, path: str, *options: str | Path) -> bytes:
    """Fetch from POP3 ("pop3:1") or IMAP ("imap:INBOX;MAILINDEX=1")."""
    service, _, rest = path.partition(":")
    url = f"{service}://127.0.0.1:{server.port(service)}/{rest}"
    got = run(curl, "--silent", "--show-error", "--user", f"{USER}:{PASSWORD}", *options, url)
    assert got.returncode == 0, got.stderr
    return got.stdout


def send(server: Serve, curl: str, file: Path, *options: str | Path) -> None:
    """Send a file with curl, as it is."""
    url = f"smtp://127.0.0.1:{server.port('smtp')}/client.crepes.fr"
    envelope = ("--mail-from", "alice@crepes.fr", "--mail-rcpt", ADDRESS)
    sent = run(curl, "--silent", "--show-error", url, *envelope, "--upload-file", file, *options)
    assert sent.returncode == 0, sent.stderr


class TestSwaks:
    def swaks(self, tool: Tool, server: Serve, *options: str | Path, service: str = "smtp") -> str:
        """Send with swaks and return its transcript."""
        place = ("--server", "127.0.0.1", "--port", str(server.port(service)))
        sent = run(tool("swaks"), *place, "--from", "alice@crepes.fr", "--to", ADDRESS, *options)
        assert sent.returncode == 0, (sent.stdout, sent.stderr)
        return sent.stdout.decode("utf-8", "replace")

    def test_a_plain_letter(self, tool: Tool, server: Serve) -> None:
        said = self.swaks(tool, server, "--body", "one\ntwo\n")
        assert "250 2.0.0 kept as" in said
        got = by_curl(tool("curl"), server, "pop3:1")
        assert got.endswith(b"\r\n\r\none\r\ntwo\r\n\r\n\r\n")
        assert dissect(got).defects == ()

    def test_a_letter_with_dots_and_long_lines(self, tool: Tool, server: Serve, letter: Path) -> None:
        self.swaks(tool, server, "--data", f"@{letter}")
        # swaks ends every letter that it reads from a file with one more line end
        assert without_trace(by_curl(tool("curl"), server, "pop3:1")).rstrip(b"\r\n") == HARD.rstrip(b"\r\n")

    def test_commands_together(self, tool: Tool, server: Serve) -> None:
        said = self.swaks(tool, server, "--pipeline", "--to", f"{ADDRESS},postmaster@example.org")
        assert said.index("RCPT TO:<postmaster@example.org>") < said.index("DATA") < said.index("recipient ok")

    @pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
    def test_log_in(self, tool: Tool, server: Serve, mechanism: str) -> None:
        login = ("--auth", mechanism, "--auth-user", ADDRESS, "--auth-password", PASSWORD)
        assert "235 2.7.0" in self.swaks(tool, server, *login, service="submission")

    def test_under_tls(self, tool: Tool, tls_server: Serve, authority: Path) -> None:
        tls = ("--tls-ca-path", authority, "--tls-verify")
        login = ("--auth-user", USER, "--auth-password", PASSWORD)
        assert "=== TLS started" in self.swaks(tool, tls_server, "--tls", *tls, *login)
        assert "with ESMTPSA id" in by_curl(tool("curl"), tls_server, "pop3:1").decode()
        assert "250 2.0.0 kept as" in self.swaks(tool, tls_server, "--tlsc", *tls, *login, service="smtps")

    def test_an_attachment(self, tool: Tool, server: Serve, tmp_path: Path) -> None:
        octets = os.urandom(20000)
        (tmp_path / "noise.bin").write_bytes(octets)
        self.swaks(tool, server, "--attach", f"@{tmp_path / 'noise.bin'}", "--body", "see below")
        parts = {part.filename: part for part in dissect(by_curl(tool("curl"), server, "pop3:1")).walk()}
        assert parts["noise.bin"].decoded == octets

    def test_an_unknown_user(self, tool: Tool, server: Serve) -> None:
        place = ("--server", "127.0.0.1", "--port", str(server.port("smtp")))
        sent = run(tool("swaks"), *place, "--from", "a@crepes.fr", "--to", "nobody@example.org")
        assert sent.returncode == 24
        assert b"550 5.1.1" in sent.stdout


class TestCurl:
    def test_both_ways_to_read_give_what_was_sent(self, tool: Tool, server: Serve, letter: Path) -> None:
        curl = tool("curl")
        send(server, curl, letter)
        by_pop3 = by_curl(curl, server, "pop3:1")
        by_imap = by_curl(curl, server, "imap:INBOX;MAILINDEX=1")
        assert by_pop3 == by_imap
        assert without_trace(by_pop3) == HARD
        assert b"Received: from client.crepes.fr (localhost [127.0.0.1])\r\n by example.org " in by_pop3

    def test_every_letter_of_the_course(self, tool: Tool, server: Serve, root: Path) -> None:
        """What SMTP can carry arrives octet for octet; the rest is refused, and nothing of it is kept."""
        curl, kept = tool("curl"), []
        for file in sorted((root / "data" / "messages").glob("*.eml")):
            raw = file.read_bytes()
            if b"\n" in raw.replace(b"\r\n", b"") or b"\r" in raw.replace(b"\r\n", b""):
                continue
            send(server, curl, file)
            kept.append(raw if raw.endswith(b"\r\n") else raw + b"\r\n")
        assert len(kept) > 30
        for number, raw in enumerate(kept, 1):
            assert without_trace(by_curl(curl, server, f"imap:INBOX;MAILINDEX={number}")) == raw

    def test_append_and_search(self, tool: Tool, server: Serve, letter: Path) -> None:
        curl = tool("curl")
        by_curl(curl, server, "imap:INBOX", "--upload-file", letter)
        assert by_curl(curl, server, "imap:INBOX;MAILINDEX=1") == HARD
        assert by_curl(curl, server, "imap:INBOX?SUBJECT%20hard") == b"* SEARCH 1\r\n"
        assert by_curl(curl, server, "imap:INBOX?SUBJECT%20soft") == b"* SEARCH\r\n"
        assert by_curl(curl, server, "imap:INBOX;UID=1;SECTION=HEADER.FIELDS%20(SUBJECT)").startswith(
            b"Subject: hard\r\n"
        )
        assert b'"INBOX"' in by_curl(curl, server, "imap:")
        assert b"FLAGS (" in by_curl(curl, server, "imap:INBOX", "--request", "FETCH 1 (FLAGS UID)")

    def test_delete_by_pop3(self, tool: Tool, server: Serve, letter: Path) -> None:
        curl = tool("curl")
        send(server, curl, letter)
        assert by_curl(curl, server, "pop3:").startswith(b"1 ")
        by_curl(curl, server, "pop3:1", "--request", "DELE", "--head")
        assert by_curl(curl, server, "pop3:").split() == []

    def test_tls_is_had_where_it_is_asked_for(
        self, tool: Tool, tls_server: Serve, authority: Path, letter: Path
    ) -> None:
        curl, tls = tool("curl"), ("--ssl-reqd", "--cacert", authority)
        send(tls_server, curl, letter, *tls, "--user", f"{USER}:{PASSWORD}")
        copies = {by_curl(curl, tls_server, path, *tls) for path in ("pop3:1", "imap:INBOX;MAILINDEX=1")}
        copies |= {by_curl(curl, tls_server, path, *tls[1:]) for path in ("pop3s:1", "imaps:INBOX;MAILINDEX=1")}
        (copy,) = copies
        assert b" with ESMTPSA id " in copy

    def test_a_wrong_authority_is_not_believed(self, tool: Tool, tls_server: Serve) -> None:
        url = f"pop3://127.0.0.1:{tls_server.port('pop3')}/1"
        assert run(tool("curl"), "--silent", "--ssl-reqd", "--user", f"{USER}:{PASSWORD}", url).returncode == 60

    def test_a_letter_of_several_megabytes(self, tool: Tool, server: Serve, tmp_path: Path) -> None:
        raw = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 4 + b"\r\n"
        raw += (b"." + b"z" * 75 + b"\r\n") * 120_000
        (tmp_path / "large.eml").write_bytes(raw)
        send(server, tool("curl"), tmp_path / "large.eml")
        sums = {
            hashlib.sha256(without_trace(by_curl(tool("curl"), server, path))).hexdigest()
            for path in ("pop3:1", "imap:INBOX;MAILINDEX=1")
        }
        assert sums == {hashlib.sha256(raw).hexdigest()}


class TestReaders:
    @pytest.fixture
    def mailbox(self, tool: Tool, server: Serve, letter: Path) -> Serve:
        """A server with three letters."""
        for number in range(3):
            letter.write_bytes(HARD.replace(b"hard", b"hard %d" % number))
            send(server, tool("curl"), letter)
        return server

    def config(self, folder: Path, name: str, text: str) -> Path:
        """Write a configuration that others may not read: it holds a password."""
        file = folder / name
        file.write_text(text)
        file.chmod(0o600)
        return file

    def test_mbsync_copies_a_mailbox(self, tool: Tool, mailbox: Serve, tmp_path: Path) -> None:
        for folder in ("cur", "new", "tmp"):
            (tmp_path / "mail" / "INBOX" / folder).mkdir(parents=True)
        port = mailbox.port("imap")
        file = self.config(
            tmp_path,
            "mbsyncrc",
            f"IMAPAccount lab\nHost 127.0.0.1\nPort {port}\nUser {USER}\nPass {PASSWORD}\n"
            f"SSLType None\nAuthMechs *\n\nIMAPStore far\nAccount lab\n\n"
            f"MaildirStore near\nPath {tmp_path}/mail/\nInbox {tmp_path}/mail/INBOX\n\n"
            "Channel lab\nFar :far:\nNear :near:\nPatterns INBOX\nSync All\nExpunge Both\nSyncState *\n",
        )
        copied = run(tool("mbsync"), "--config", file, "lab", env={"HOME": str(tmp_path)})
        assert copied.returncode == 0, copied.stderr
        files = sorted((tmp_path / "mail" / "INBOX").glob("*/*"), key=lambda path: path.read_bytes())
        letters = [path for path in files if path.parent.name in ("cur", "new")]
        assert len(letters) == 3
        # A letter that is written and one that is thrown away in the copy are so on the server afterwards.
        letters[0].unlink()
        (tmp_path / "mail" / "INBOX" / "new" / "1.mine.here").write_bytes(b"Subject: mine\n\nby hand\n")
        copied = run(tool("mbsync"), "--config", file, "lab", env={"HOME": str(tmp_path)})
        assert copied.returncode == 0, copied.stderr
        listing = by_curl(tool("curl"), mailbox, "imap:INBOX", "--request", "UID SEARCH ALL")
        assert len(listing.split()) == 2 + 3
        assert b"by hand\r\n" in by_curl(tool("curl"), mailbox, "imap:INBOX;MAILINDEX=3")

    def test_mbsync_makes_folders_on_both_sides(self, tool: Tool, mailbox: Serve, tmp_path: Path) -> None:
        with imaplib.IMAP4(*mailbox.at("imap")) as client:
            client.login(USER, PASSWORD)
            client.create("Work/2026")
            client.append("Work/2026", r"(\Flagged)", None, HARD)
        for folder in ("cur", "new", "tmp"):
            (tmp_path / "mail" / "Mine" / folder).mkdir(parents=True)
        (tmp_path / "mail" / "Mine" / "new" / "1.mine.here").write_bytes(b"Subject: mine\n\nby hand\n")
        file = self.config(
            tmp_path,
            "mbsyncrc",
            f"IMAPStore far\nHost 127.0.0.1\nPort {mailbox.port('imap')}\nUser {USER}\nPass {PASSWORD}\n"
            f"SSLType None\nAuthMechs *\n\nMaildirStore near\nPath {tmp_path}/mail/\nInbox {tmp_path}/mail/INBOX\n"
            "SubFolders Verbatim\n\n"
            "Channel lab\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nSync All\nSyncState *\n",
        )
        copied = run(tool("mbsync"), "--config", file, "lab", env={"HOME": str(tmp_path)})
        assert copied.returncode == 0, copied.stderr
        [work] = (tmp_path / "mail" / "Work" / "2026").glob("*/*,*")
        assert work.name.endswith("2,F")
        assert b"by hand\r\n" in by_curl(tool("curl"), mailbox, "imap:Mine;MAILINDEX=1")

    def test_fetchmail_takes_the_maildrop_away(self, tool: Tool, mailbox: Serve, tmp_path: Path) -> None:
        file = self.config(
            tmp_path,
            "fetchmailrc",
            f"poll 127.0.0.1 protocol pop3 port {mailbox.port('pop3')} uidl:\n"
            f'  user "{USER}" there with password "{PASSWORD}" sslproto "" no rewrite nokeep\n'
            f"  mda \"/bin/sh -c 'cat >> {tmp_path}/got'\"\n",
        )
        command = (tool("fetchmail"), "--fetchmailrc", file, "--nosyslog", "--nodetach", "--pidfile", tmp_path / "pid")
        fetched = run(*command, "--idfile", tmp_path / "ids", env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]})
        assert fetched.returncode == 0, (fetched.stdout, fetched.stderr)
        got = (tmp_path / "got").read_bytes()
        assert got.count(b"space at the end \n") == 3
        assert by_curl(tool("curl"), mailbox, "pop3:").split() == []

    @pytest.mark.parametrize("service", ["imap", "pop"])
    def test_mutt_opens_a_mailbox(self, tool: Tool, mailbox: Serve, tmp_path: Path, service: str) -> None:
        port = mailbox.port(service.replace("pop", "pop3"))
        saved = tmp_path / "saved"
        file = self.config(
            tmp_path,
            "muttrc",
            f"set {service}_user={USER} {service}_pass={PASSWORD} ssl_starttls=no ssl_force_tls=no folder={tmp_path}\n"
            "set mbox_type=mbox move=no confirmappend=no confirmcreate=no delete=no wait_key=no sleep_time=0 quit=yes\n"
            f"push '<tag-pattern>~A<enter><tag-prefix><copy-message>{saved}<enter><quit>'\n",
        )
        command = [tool("mutt"), "-F", str(file), "-f", f"{service}://{USER}@127.0.0.1:{port}"]
        shown = on_a_terminal(command, {"HOME": str(tmp_path), "TERM": "xterm", "LANG": "C.UTF-8"})
        assert saved.exists(), shown[-2000:]
        assert saved.read_bytes().count(b"space at the end \n") == 3

    def test_mutt_saves_into_a_mailbox_that_it_makes(self, tool: Tool, mailbox: Serve, tmp_path: Path) -> None:
        place = f"imap://{USER}@127.0.0.1:{mailbox.port('imap')}"
        file = self.config(
            tmp_path,
            "muttrc",
            f"set imap_user={USER} imap_pass={PASSWORD} ssl_starttls=no ssl_force_tls=no folder={place}\n"
            "set move=no confirmappend=no confirmcreate=no delete=yes wait_key=no sleep_time=0 quit=yes\n"
            "push '<tag-pattern>~A<enter><tag-prefix><save-message>=Saved<enter><quit>'\n",
        )
        command = [tool("mutt"), "-F", str(file), "-f", place]
        shown = on_a_terminal(command, {"HOME": str(tmp_path), "TERM": "xterm", "LANG": "C.UTF-8"})
        with imaplib.IMAP4(*mailbox.at("imap")) as client:
            client.login(USER, PASSWORD)
            assert client.select("Saved") == ("OK", [b"3"]), shown[-2000:]
            assert client.select("INBOX") == ("OK", [b"0"]), shown[-2000:]


def on_a_terminal(command: list[str], environment: dict[str, str]) -> bytes:
    """Run a program that wants a person's terminal. Returns: what it drew there."""
    ours, its = pty.openpty()
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment, start_new_session=True)
    os.close(its)
    drawn = b""
    give_up = threading.Timer(60, process.kill)
    give_up.start()
    with contextlib.suppress(OSError):  # how a terminal says that nobody is left on its other side
        while piece := os.read(ours, 4096):
            drawn += piece
    give_up.cancel()
    os.close(ours)
    process.wait()
    return drawn
