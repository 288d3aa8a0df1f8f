"""Does a relay go on serving whatever the next hosts do, and does it lose nothing?"""

import contextlib
import smtplib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emaillab.host.store import Store
from tests.peers.serve import ADDRESS, DOMAIN, PASSWORD, USER, Serve
from tests.peers.test_stdlib import LETTER, fetch_all

Start = Callable[..., Serve]
SOON_S = 1.0  # for what waits for nobody; the best of a few, as the machine is busy with other tests, too


class Host:
    """A next host that accepts connections and never greets, or drips `220-` lines for ever."""

    def __init__(self, *, drips: bool = False) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.called = threading.Event()
        self._drips, self._open = drips, list[socket.socket]()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.listener.accept()
                self._open.append(peer)
                self.called.set()
                if self._drips:
                    threading.Thread(target=self._drip, args=(peer,), daemon=True).start()

    def _drip(self, peer: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer.sendall(b"220-one moment, please\r\n")
                time.sleep(0.05)

    def close(self) -> None:
        self.listener.close()
        for peer in self._open:
            peer.close()


@pytest.fixture
def silent() -> Iterator[list[Host]]:
    hosts = [Host(), Host(drips=True)]
    yield hosts
    for host in hosts:
        host.close()


def send(server: Serve, *to: str) -> None:
    with smtplib.SMTP(*server.at("submission"), timeout=60) as client:
        client.login(USER, PASSWORD)
        client.sendmail("alice@crepes.fr", to, LETTER)


def test_silent_hosts_hold_up_nobody_and_nothing_is_lost(start: Start, silent: list[Host], tmp_path: Path) -> None:
    final = start()
    good = f"{DOMAIN}=127.0.0.1:{final.port('smtp')}"
    ways = [f"mute.example={silent[0].place}", f"dripping.example={silent[1].place}", good]
    options = ("--domain", "crepes.fr", "--data", tmp_path / "mail")
    first = start(*options, *(word for way in ways for word in ("--route", way)))
    for number in range(3):
        send(first, f"bob{number}@mute.example", f"bob{number}@dripping.example")
    for host in silent:
        assert host.called.wait(60)
    took_s = []
    for number in range(1, 4):
        begun_s = time.monotonic()
        send(first, ADDRESS)
        while len(fetch_all(final)) < number:
            time.sleep(0.01)
        took_s.append(time.monotonic() - begun_s)
    assert min(took_s) < SOON_S, "another domain's letter does not wait for them"
    begun_s = time.monotonic()
    first.stop()
    assert time.monotonic() - begun_s < 5 * SOON_S, "nor does the end"
    with Store(tmp_path / "mail") as store:
        waiting = [one for letter in store.queued() for one in letter.recipients]
    assert len(waiting) == 6 and {one.state for one in waiting} == {"WAITING"}


def test_what_was_abandoned_goes_out_after_a_restart(start: Start, silent: list[Host], tmp_path: Path) -> None:
    final = start()
    options = ("--domain", "crepes.fr", "--data", tmp_path / "mail")
    took_s = []
    for number, host in enumerate(silent):
        first = Serve(*options, "--route", f"{DOMAIN}={host.place}")
        send(first, ADDRESS)
        assert host.called.wait(60)
        begun_s = time.monotonic()
        first.stop()
        took_s.append(time.monotonic() - begun_s)
        assert len(fetch_all(final)) == number
        again = start(*options, "--route", f"{DOMAIN}=127.0.0.1:{final.port('smtp')}")
        while len(fetch_all(final)) == number:
            time.sleep(0.01)
        again.stop()
    assert len(fetch_all(final)) == len(silent)
    assert min(took_s) < SOON_S, "the end waits for nobody"
