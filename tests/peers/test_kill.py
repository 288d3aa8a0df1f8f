"""Does the server keep what it accepted, once, when it is killed at any moment under load?"""

import imaplib
import random
import smtplib
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.peers.serve import ADDRESS, PASSWORD, USER, Serve

KILLS, SENDERS = 20, 4
SEED = 20
LONGEST_LIFE_S = 0.6


class Sender(threading.Thread):
    """A client that sends one letter after the other until its server is gone."""

    def __init__(self, place: tuple[str, int], name: str) -> None:
        super().__init__(daemon=True)
        self.place, self.prefix = place, name
        self.accepted: list[str] = []  # what got its 250 after the dot
        self.offered: list[str] = []  # what was begun; the last of them may or may not have been kept

    def run(self) -> None:
        try:
            with smtplib.SMTP(*self.place, timeout=60) as client:
                while True:
                    self.send(client)
        except (OSError, smtplib.SMTPException):
            return

    def send(self, client: smtplib.SMTP) -> None:
        name = f"{self.prefix}.{len(self.offered)}"
        size = 200 * (len(self.offered) % 50)
        self.offered.append(name)
        client.sendmail("alice@crepes.fr", [ADDRESS], f"Message-ID: <{name}@crepes.fr>\r\n\r\n{'x' * size}\r\n")
        self.accepted.append(name)


def kept(server: Serve) -> Counter[str]:
    """Count the letters in the mailbox by their names, and see that each is whole."""
    with imaplib.IMAP4(*server.at("imap"), timeout=60) as client:
        client.login(USER, PASSWORD)
        if client.select(readonly=True)[1] == [b"0"]:
            return Counter()
        answer = client.fetch("1:*", "(BODY.PEEK[])")[1]
    found: Counter[str] = Counter()
    for item in answer:
        if isinstance(item, tuple):
            raw = item[1].decode()
            name = raw.partition("Message-ID: <")[2].partition("@crepes.fr>")[0]
            number = int(name.rpartition(".")[2])
            assert raw.endswith(f"\r\n\r\n{'x' * (200 * (number % 50))}\r\n"), name
            found[name] += 1
    return found


@pytest.mark.slow
def test_twenty_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    """250 after the dot means kept, whatever happens to the process after it (RFC 5321 §6.1)."""
    rng = random.Random(SEED)
    accepted: list[str] = []
    offered: list[str] = []
    options = ("--data", tmp_path / "mail")
    for life in range(KILLS):
        server = Serve(*options, services=("--smtp", "0"))
        senders = [Sender(server.at("smtp"), f"{life}.{number}") for number in range(SENDERS)]
        for sender in senders:
            sender.start()
        threading.Event().wait(rng.uniform(0, LONGEST_LIFE_S))  # the moment of the kill is the subject of this test
        server.kill()
        for sender in senders:
            sender.join(60)
            accepted += sender.accepted
            offered += sender.offered
    server = Serve(*options, services=("--imap", "0"))
    found = kept(server)
    server.stop()
    assert len(accepted) > KILLS  # there was a load
    assert sorted(set(accepted) - set(found)) == [], "accepted, and lost"
    assert [name for name, times in found.items() if times > 1] == [], "kept twice"
    # What was kept without its 250 reaching the sender is at most the one letter each had under way.
    assert set(found) <= set(offered)
    assert len(found) - len(accepted) <= KILLS * SENDERS
