"""What is the whole system, in one screen? `emaillab demo`: Alice writes to Bob, and every octet is shown.

>>> from emaillab.cli.demo import demonstrate
>>> with Internet.textbook(network="memory") as net:
...     shown = demonstrate(net)
>>> [(hop["host"], hop["octets"]) for hop in shown["hops"]][0]
('crepes.fr', 551)
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

from emaillab.message.trace.path import trace
from emaillab.net.transcript import Transcript
from emaillab.world import Internet

WEB_PARTS = ("flask", "h11")  # without them Bob has no webmail
PROGRAMS = {"pop3": "POP3", "imap": "IMAP", "webmail": "webmail"}
TEXT = """Dear Bob,

do you like crepes?
.A line that begins with a dot arrives as it was sent.

Alice
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument("--network", choices=("tcp", "memory"), help="how octets travel (tcp)")
    parser.add_argument("--pcapng", type=Path, metavar="FILE", help="write all sessions for Wireshark")
    parser.add_argument("--json", action="store_true", help="print hops, octets and transcript digests as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Play the demonstration."""
    with Internet.textbook(network=arguments.network) as net:
        shown = demonstrate(net)
        if arguments.pcapng:
            from emaillab.net.pcapng import write

            write(net.transcripts, arguments.pcapng)
        if arguments.json:
            print(json.dumps(shown, ensure_ascii=False, indent=1))
        else:
            _tell(net, shown)
    return 0


def demonstrate(net: Internet) -> dict[str, Any]:
    """Send Alice's letter through the textbook's world, and read it as Bob. Returns: what `--json` prints."""
    letter = net.compose("Alice <alice@crepes.fr>", "Bob <bob@hamburger.edu>", "Crepes? 可丽饼", TEXT)
    net.submit(letter)
    net.settle()
    fetched = {"pop3": _by_pop3(net), "imap": _by_imap(net)}
    if all(map(importlib.util.find_spec, WEB_PARTS)):
        fetched["webmail"] = _by_webmail(net)
    journey = net.journey(letter["Message-ID"])
    return {
        "message_id": journey.message_id,
        "hops": [
            {"host": s.host, "at_s": round(s.at_s, 6), "octets": len(s.raw), "session": s.session} for s in journey
        ],
        "path": trace(fetched["pop3"]).to_json(),
        "read": {name: {"octets": len(raw), "sha256": _sha256(raw)} for name, raw in fetched.items()},
        "sessions": [_session(transcript) for transcript in net.transcripts],
    }


def _by_pop3(net: Internet) -> bytes:
    with net.pop3("hamburger.edu") as bob:
        bob.login("bob", "secret")
        bob.stat()
        raw = bob.retr(1)
        bob.quit()
    return raw


def _by_imap(net: Internet) -> bytes:
    with net.imap("hamburger.edu") as bob:
        bob.login("bob", "secret")
        bob.select("INBOX")
        bob.fetch("1", "(UID FLAGS RFC822.SIZE ENVELOPE)")
        raw = bob.fetch("1", "BODY[]")[0].body()
        bob.logout()
    return raw or b""


def _by_webmail(net: Internet) -> bytes:
    with net.http("hamburger.edu") as bob:
        bob.post("/login", {"user": "bob", "password": "secret"}, follow=True)
        bob.get("/mail/1")
        return bob.get("/mail/1/source").body


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _session(transcript: Transcript) -> dict[str, Any]:
    return {
        "id": transcript.id,
        "protocol": transcript.protocol,
        "client": transcript.client,
        "server": transcript.server,
        "octets": {"client": transcript.octets("C"), "server": transcript.octets("S")},
        "round_trips": transcript.round_trips,
        "sha256": transcript.digest,
    }


def _tell(net: Internet, shown: dict[str, Any]) -> None:
    """Print the sessions, one after the other, and the path."""
    for transcript in net.transcripts:
        cause = f", because of session {transcript.cause}" if transcript.cause else ""
        print(f"\n=== Session {transcript.id}: {transcript.protocol.upper()}, port {transcript.port}")
        print(f"    {transcript.client} speaks to {transcript.server}{cause}\n")
        print(transcript.text())
    print("\n=== The path, as the Received fields tell it\n")
    print(trace(net.hosts["hamburger.edu"].letters("bob")[0]))
    same = "the same" if len({copy["sha256"] for copy in shown["read"].values()}) == 1 else "different"
    *others, last = (f"by {PROGRAMS[name]}" for name in shown["read"])
    print(f"\nB{', '.join(others)[1:]} and {last} Bob got {same} octets: {shown['read']['pop3']['octets']}.")
