"""How do letters, paths, hosts, queues and replies look at the end of a notebook's cell?

>>> from emaillab.message.trace.path import trace
>>> print(show_trace(trace(b"Received: from a.example by b.example; Mon, 3 Mar 2025 12:00:07 +0000\\r\\n\\r\\n")))
hop  from       by         with  time (UTC)           delay  octets
  1  a.example  b.example  -     2025-03-03 12:00:07             71
total unknown over 1 hop
>>> print(show_letters([b"Subject: Hi\\r\\nFrom: Bob <bob@hamburger.edu>\\r\\n\\r\\nBonjour\\r\\n"]))
1 letter
no.  from                     subject  date  type        octets
1    Bob <bob@hamburger.edu>  Hi             text/plain  55
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emaillab.diagrams import draw
from emaillab.diagrams.svg import clean, cut, plural, seconds
from emaillab.display.page import Shown, both, columns, page, table
from emaillab.host.mailhost import MailHost
from emaillab.host.queue import Queue
from emaillab.journey import Journey
from emaillab.message.header.fields import parse_header
from emaillab.message.mime.dissect import dissect
from emaillab.message.mime.part import Part
from emaillab.message.trace.path import Trace
from emaillab.net.transcript import Transcript
from emaillab.protocol.smtp.client import SendResult
from emaillab.world import Internet

WIDEST = 50


def show_part(part: Part) -> Shown:
    """Show a part's tree, and the map of its octets."""
    return Shown(str(part), page(f"<pre>{clean(str(part))}</pre>", draw(part).html))


def show_trace(path: Trace) -> Shown:
    """Show a path as a table, and as a chain of hosts."""
    head = ["hop", "from", "by", "with", "time (UTC)", "delay", "octets"]
    head += ["what is wrong"] if path.defects else []
    rows = []
    for number, hop in enumerate(path, start=1):
        delay = "" if number == 1 else "?" if hop.delay_s is None else f"{hop.delay_s:+,.0f} s"
        time = "unreadable" if hop.time is None else f"{hop.time:%Y-%m-%d %H:%M:%S}"
        names = [cut(name or "-", WIDEST) for name in (hop.from_, hop.by, hop.with_)]
        wrong = [", ".join(dict.fromkeys(defect.kind for defect in hop.defects))] if path.defects else []
        rows.append([str(number), *names, time, delay, str(hop.octets), *wrong])
    caption = str(path).rpartition("\n")[2]
    return Shown(str(path), page(table(caption, head, rows, ["hop", "delay", "octets"]), draw(path).html))


def show_world(net: Internet) -> Shown:
    """Show a world as its map."""
    diagram = draw(net)
    return Shown(str(diagram), diagram.html)


def show_journey(journey: Journey) -> Shown:
    """Show a letter's stops as a table, and its way."""
    rows = [
        [seconds(stop.at_s), stop.host, f"{stop.stamped_at:%H:%M:%S %z}", str(len(stop.raw)), stop.session]
        for stop in journey
    ]
    head = ["true time", "host", "its own clock", "octets", "session"]
    listed = table(f"Message-ID {journey.message_id}", head, rows, ["true time", "octets"])
    return Shown(str(journey), page(listed, draw(journey).html))


def show_host(host: MailHost) -> Shown:
    """Show a host's mailboxes and its queue."""
    rows = []
    for user in host.users:
        account = host.store.account(user)
        for name in account.mailbox_names() if account else []:
            box = account.mailbox(name) if account else None
            entries = box.entries() if box else ()
            unseen = sum(1 for entry in entries if "\\Seen" not in entry.flags)
            rows.append([user, name, str(len(entries)), str(unseen), str(sum(entry.size for entry in entries))])
    head = ["user", "mailbox", "letters", "unread", "octets"]
    domains = ", ".join(sorted(host.policy.domains)) or "no domain"
    caption = f"{host.name} [{host.end.ip}], mailboxes of {domains}"
    queue = show_queue(host.queue)
    listed = table(caption, head, rows, ["letters", "unread", "octets"])
    return Shown(f"{caption}\n{columns(head, rows)}\n{queue.text}", page(listed, queue.html))


def show_queue(queue: Queue) -> Shown:
    """Show who waits in a queue, for what, and since when."""
    rows = [
        [
            letter.id,
            letter.reverse_path or "<>",
            recipient.forward_path,
            f"{letter.arrived_at:%Y-%m-%d %H:%M:%S %z}",
            str(recipient.attempts),
            f"{recipient.next_at:%Y-%m-%d %H:%M:%S %z}" if recipient.next_at else "",
            cut(recipient.last_reply.replace("\n", " "), WIDEST),
        ]
        for letter in queue.letters()
        for recipient in letter.recipients
    ]
    head = ["queue id", "from", "to", "since", "attempts", "next attempt", "last reply"]
    caption = f"queue: {plural(len(queue), 'letter')}"
    return both(caption, head, rows, ["attempts"]) if rows else Shown(caption, page(f"<p>{caption}</p>"))


def show_reply(reply: Any) -> Shown:
    """Show a reply as it is on the wire, with the outcome in the words of all protocols."""
    text = bytes(reply).decode("utf-8", "replace").replace("\r\n", "\n").rstrip("\n")
    lines = text.split("\n")
    if len(lines) > 12:
        text = "\n".join([*lines[:6], f"… {len(lines) - 12} lines …", *lines[-6:]])
    return Shown(text, page(f"<pre><mark>{reply.outcome.value}</mark> {clean(text)}</pre>"))


def show_result(result: SendResult) -> Shown:
    """Show what became of a letter that was sent."""
    rows = [[path, str(result.reply_for(path))] for path in result.recipients]
    caption = "accepted" if result.accepted else "refused"
    return both(f"{caption}: {result.final}", ["recipient", "reply"], rows)


def show_letters(letters: Sequence[bytes]) -> Shown:
    """Show a list of letters as a mailbox."""
    rows = []
    for number, raw in enumerate(letters, start=1):
        header = parse_header(raw)
        fields = [cut(header.text(name), WIDEST) for name in ("From", "Subject", "Date")]
        rows.append([str(number), *fields, dissect(raw).content_type, str(len(raw))])
    head = ["no.", "from", "subject", "date", "type", "octets"]
    return both(plural(len(rows), "letter"), head, rows, ["no.", "octets"])


def show_sessions(transcripts: Sequence[Transcript]) -> Shown:
    """Show a list of sessions, one line each."""
    rows = []
    for t in transcripts:
        numbers = [seconds(t.opened_s), str(t.octets()), str(t.round_trips)]
        rows.append([t.id, t.protocol.upper(), t.client, t.server, *numbers, t.cause or ""])
    head = ["session", "protocol", "client", "server", "opened", "octets", "round trips", "caused by"]
    return both(plural(len(rows), "session"), head, rows, ["session", "opened", "octets", "round trips"])
