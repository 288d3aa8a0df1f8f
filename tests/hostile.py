"""Which letters would cost a server the most? Each is built of about so many octets, for tests and benchmarks alike.

None of them is large: a megabyte of any takes no longer to send than another. Their names say what there is too much of.
"""

from __future__ import annotations

from collections.abc import Callable

Build = Callable[[int], bytes]  # octets, of which there may be a few more or less

FROM, TO, SUBJECT = b"From: Eve <eve@example.org>\r\n", b"To: bob@hamburger.edu\r\n", b"Subject: crepes\r\n"
HEAD = FROM + TO + SUBJECT + b"Message-ID: <1@example.org>\r\n"
MIXED = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
LEVEL = b"Content-Type: multipart/%s; boundary=b%d\r\n\r\n--b%d\r\n"
RECEIVED = (
    b"Received: from a.example (a.example [192.0.2.1])\r\n\tby b.example with ESMTPS id 7\r\n"
    b"\tfor <bob@hamburger.edu>; Mon, 23 Nov 2026 16:34:22 +0000\r\n"
)
TEXT = b"Content-Type: text/plain\r\n"
HTML = b"Content-Type: text/html\r\n"
FILE = b"Content-Type: image/png; name=a.png\r\n\r\nPNG"
FORWARD = b"Content-Type: message/rfc822\r\n\r\n"


def _many(unit: bytes, octets: int) -> bytes:
    return unit * max(octets // len(unit), 1)


def _numbered(unit: bytes, octets: int) -> bytes:
    """Repeat a unit with a number wherever it says %d, so that no two are alike."""
    marks = unit.count(b"%d")
    count = max(octets // len(unit % ((10_000,) * marks)), 1)
    return b"".join(unit % ((number,) * marks) for number in range(count))


def header(unit: bytes, before: bytes = b"", after: bytes = b"", *, without: bytes = b"") -> Build:
    """Build letters whose header is long; `without` is what its usual fields lack."""
    head = HEAD.replace(without, b"")
    repeat = _numbered if b"%d" in unit else _many
    return lambda size: head + before + repeat(unit, size - 150) + after + b"\r\n\r\nhi\r\n"


def body(unit: bytes, fields: bytes = TEXT, before: bytes = b"", after: bytes = b"") -> Build:
    """Build letters whose body is long."""
    return lambda size: HEAD + fields + b"\r\n" + before + _many(unit, size - 150) + after + b"\r\n"


def parts(unit: bytes, fields: bytes = MIXED) -> Build:
    """Build letters of many parts; a unit holds header and body."""
    repeat = _numbered if b"%d" in unit else _many
    return lambda size: HEAD + fields + repeat(b"--b\r\n" + unit + b"\r\n", size - 200) + b"--b--\r\n"


def nested(kind: bytes, levels: int, unit: bytes) -> Build:
    """Build letters with many parts in the innermost of nested multiparts."""

    def build(size: int) -> bytes:
        begin = b"".join(LEVEL % (kind, level, level) for level in range(levels))
        return HEAD + begin + MIXED + _many(b"--b\r\n" + unit + b"\r\n", size - len(begin) - 150)

    return build


def _tower(size: int) -> bytes:
    """Build a letter of towers: as many levels as are taken apart, again and again."""
    tower = b"".join(LEVEL % (b"mixed", level, level) for level in range(250)) + b"\r\nhi\r\n"
    return HEAD + MIXED + _many(b"--b\r\n" + tower, size - 150) + b"--b--\r\n"


def _forwards(size: int) -> bytes:
    """Build a letter in a letter in a letter, each with a header of its own, and a long one in the innermost."""
    fields = HEAD + FORWARD
    return fields * min(250, size // len(fields) // 2) + HEAD + b"\r\n" + _many(b"hi\r\n", size // 2)


WORST: dict[str, Build] = {
    # parts
    "tiny parts": parts(b"\r\nx"),
    "delimiters alone": lambda size: HEAD + MIXED + _many(b"--b\r\n", size - 150),
    "empty parts": parts(b"\r\n"),
    "files": parts(FILE),
    "files with long names": parts(b"Content-Type: image/png; name=%s.png\r\n\r\nPNG" % (b"a" * 900)),
    "texts in base64": parts(b"Content-Transfer-Encoding:base64\r\n\r\nSGk="),
    "web pages": parts(HTML + b"\r\n<p>"),
    "enclosed letters": parts(b"Content-Type: message/rfc822\r\n\r\nFrom: a@b\r\n\r\nx"),
    "parts without end of header": parts(b"A: b"),
    "alternatives": parts(b"\r\nx", MIXED.replace(b"mixed", b"alternative")),
    "alternatives, none of them read": parts(FILE, MIXED.replace(b"mixed", b"alternative")),
    "digest": parts(b"\r\nSubject: a\r\n\r\nx", MIXED.replace(b"mixed", b"digest")),
    "parts with types of their own": parts(b"Content-Type: a/b%d\r\n\r\nx"),
    "parts of a report": parts(b"Content-Type: message/delivery-status\r\n\r\nAction: failed"),
    "delimiter look-alikes": body(b"--bx\r\n", MIXED[:-2]),
    "lines of dashes": body(b"--\r\n", MIXED[:-2]),
    "epilogue": body(b"--b\r\n", MIXED[:-2], b"--b\r\n\r\nhi\r\n--b--\r\n"),
    # depth
    "parts 240 levels deep": nested(b"mixed", 240, b"\r\nx"),
    "files 240 levels deep": nested(b"related", 240, FILE),
    "alternatives 240 levels deep": nested(b"alternative", 240, b"\r\nx"),
    "towers": _tower,
    "a letter in a letter": _forwards,
    "more levels than are taken apart": lambda size: HEAD + b"".join(
        LEVEL % (b"mixed", level, level) for level in range(max(size // 58, 1))
    ),
    "one boundary at all levels": lambda size: HEAD + _many(MIXED + b"--b\r\n", size),
    "boundaries that begin alike": lambda size: HEAD + b"".join(
        LEVEL.replace(b"%d", b"%s") % (b"mixed", b"b" * level, b"b" * level) for level in range(1, int((2 * size / 3) ** 0.5))
    ),
    # header
    "header fields": header(b"a:b\r\n"),
    "long names": header(b"%s: b\r\n" % (b"a" * 900)),
    "folds": header(b"\r\n b", b"X: a"),
    "lines without colon": header(b"junk\r\n", b"X: a\r\n"),
    "Subject, one word": header(b"a", b"Subject: ", without=SUBJECT),
    "Subject, words": header(b"a ", b"Subject: ", b"b", without=SUBJECT),
    "Subject, blanks": header(b"  ", b"Subject: a", b"b", without=SUBJECT),
    "Subject, Chinese": header("你 ".encode(), b"Subject: ", without=SUBJECT),
    "Subject, encoded words": header(b"=?utf-8?B?5L2g?= ", b"Subject: ", without=SUBJECT),
    "Subject, encoded words of two charsets": header(b"=?utf-8?Q?a?= =?gbk?Q?a?= ", b"Subject: ", without=SUBJECT),
    "Subject, charsets nobody knows": header(b"=?x%d?Q?a?= ", b"Subject: ", without=SUBJECT),
    "Subject, encoded words not ended": header(b"=?utf-8?B?5L2g", b"Subject: ", without=SUBJECT),
    "Subject, Re: Re:": header(b"Re: ", b"Subject: ", without=SUBJECT),
    "Subject, Re and blanks": header(b"Re" + b" " * 40, b"Subject: ", without=SUBJECT),
    "fields of encoded words": header(b"X: =?utf-8?B?5L2g?=\r\n"),
    "octets beyond ASCII": header(b"X: \xe4\xbd \xff\r\n"),
    "repeated Subject": header(b"Subject: a\r\n"),
    "repeated To": header(b"To: a@b.c\r\n"),
    "Received": header(RECEIVED),
    "Received, short": header(b"Received: by b; 3 Mar 25 1:00\r\n"),
    "Received, words": header(b"a ", b"Received: from ", b"; Mon, 3 Mar 2025 12:00:00 +0100"),
    "Received, comments": header(b"(a.b [1.2.3.4]) ", b"Received: from a ", b" by b; Mon, 3 Mar 2025 12:00:00 +0100"),
    "Received, comments not ended": header(b"(", b"Received: from a ", b" by b; Mon, 3 Mar 2025 12:00:00 +0100"),
    "Received, clauses": header(b"with a id b ", b"Received: from a "),
    "Received, semicolons": header(b"; ", b"Received: from a "),
    "Received, quotation marks": header(b'"a" "', b"Received: from a "),
    "References": header(b"<%d@b>", b"References: "),
    "References, folded": header(b"<%d@b.example>\r\n ", b"References: ", b"<1@b>"),
    "References, comments": header(b"(<", b"References: "),
    "Message-ID not ended": header(b"<a", b"Message-ID: ", without=b"Message-ID: <1@example.org>\r\n"),
    # addresses
    "To": header(b"a@b,", b"To: ", without=TO),
    "To, names": header(b"Ann <a%d@b.example>, ", b"To: ", b"b@c.d", without=TO),
    "To, encoded names": header(b"=?utf-8?B?5L2g?= <a%d@b.c>, ", b"To: ", b"b@c.d", without=TO),
    "To, quoted names": header(b'"A, B" <a%d@b.c>, ', b"To: ", b"b@c.d", without=TO),
    "To, quoted local parts": header(b'"a@%d"@b.c, ', b"To: ", b"b@c.d", without=TO),
    "To, groups": header(b"g%d:a@b;,", b"To: ", without=TO),
    "To, comments": header(b"a(b)@c.d,", b"To: ", without=TO),
    "To, comments in comments": header(b"(a ", b"To: a@b.c ", without=TO),
    "To, one long name": header(b"a ", b"To: ", b" <a@b.c>", without=TO),
    "To, no address": header(b"a ", b"To: ", without=TO),
    "To, at signs": header(b"a@", b"To: ", without=TO),
    "To, dots": header(b"a . ", b"To: ", b"@b.c", without=TO),
    "To, angles": header(b"<", b"To: ", without=TO),
    "To, commas": header(b",", b"To: ", without=TO),
    "To, quotation marks": header(b'\\" " ', b"To: ", without=TO),
    "From": header(b"a@b.c,", b"From: ", without=FROM),
    "From, one long name": header(b"a ", b"From: ", b" <a@b.c>", without=FROM),
    "Reply-To": header(b"a%d@b.example, ", b"Reply-To: ", b"b@c.d"),
    "Date, comments": header(b"(a) ", b"Date: Mon, 3 Mar 2025 12:00:00 +0100 "),
    # parameters
    "parameters": header(b";a%d=b", b"Content-Type: text/plain"),
    "parameters, one name": header(b";a=b", b"Content-Type: text/plain"),
    "parameters in pieces": header(b"; a*%d=b", b"Content-Type: text/plain"),
    "parameters in encoded pieces": header(b"; name*%d*=%%41", b"Content-Type: text/plain; name*0*=utf-8''a"),
    "parameters without value": header(b";a ", b"Content-Type: text/plain"),
    "parameters not ended": header(b';a="', b"Content-Type: text/plain"),
    "comments in Content-Type": header(b"(", b"Content-Type: text/plain "),
    "comments in Content-Transfer-Encoding": header(b"(a)", b"Content-Transfer-Encoding: "),
    "file name": header(b"a/..", b'Content-Type: image/png; name="', b'"'),
    "file name, encoded words": header(b"=?utf-8?B?5L2g?= ", b'Content-Disposition: attachment; filename="', b'"'),
    "boundary": header(b"b", b"Content-Type: multipart/mixed; boundary="),
    "languages": header(b"a,", b"Content-Language: "),
    # body
    "one line": body(b"a"),
    "lines": body(b"\r\n"),
    "bare CR": body(b"\r"),
    "bare LF": body(b"\n", before=b"\r\n"),
    "vertical tabs": body(b"\x0b"),
    "quoted text": body(b">"),
    "quoted lines": body(b">>> \r\n", b"Content-Type: text/plain; format=flowed\r\n"),
    "flowed text": body(b"> a \r\n", b"Content-Type: text/plain; format=flowed\r\n"),
    "blanks in quoted-printable": body(b" ", TEXT + b"Content-Transfer-Encoding: quoted-printable\r\n", after=b"x"),
    "escapes in quoted-printable": body(b"= ", TEXT + b"Content-Transfer-Encoding: quoted-printable\r\n"),
    "junk in base64": body(b"a!", TEXT + b"Content-Transfer-Encoding: base64\r\n"),
    "ampersands": body(b"&<"),
    "NUL": body(b"\0"),
    "UTF-8 that is none": body(b"\xe4\xbd ", b"Content-Type: text/plain; charset=utf-8\r\n"),
    "GB 18030 that is none": body(b"\xff", b"Content-Type: text/plain; charset=gb2312\r\n"),
    "UTF-7": body(b"+AAA", b"Content-Type: text/plain; charset=utf-7\r\n"),
    "ISO 2022": body(b"\x1b$B", b"Content-Type: text/plain; charset=iso-2022-jp\r\n"),
    # web pages
    "HTML, tags": body(b"<b>", HTML),
    "HTML, paragraphs": body(b"<p>a", HTML),
    "HTML, links": body(b'<a href="http://a.b/">', HTML),
    "HTML, links with words": body(b"<a href=//b>c</a>", HTML),
    "HTML, pictures": body(b'<img src="//a">', HTML),
    "HTML, angles": body(b"<", HTML, after=b">"),
    "HTML, angles before digits": body(b"<1", HTML, after=b">"),
    "HTML, angles after words": body(b"a<", HTML),
    "HTML, one tag": body(b"a", HTML, b"<"),
    "HTML, one tag of attributes": body(b"a= ", HTML, b"<a ", b">"),
    "HTML, one tag of blanks": body(b" ", HTML, b"<a x", b">"),
    "HTML, comments": body(b"<!--", HTML, after=b">"),
    "HTML, silent": body(b"<script>", HTML),
    "HTML, entities": body(b"&lt;", HTML),
    "HTML, one number": body(b"9", HTML, b"&#"),
    "HTML, numbers": body(b"&#" + b"9" * 5000, HTML),
    "HTML, blanks": body(b"&nbsp; ", HTML),
    # reports
    "a report of many recipients": lambda size: HEAD + MIXED + b"--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    + _many(b"Action: failed\r\n\r\n", size - 200) + b"--b--\r\n",
}  # fmt: skip


# What a server does with one letter, because somebody looks at it


class Desk:
    """A mail host with one user, who looks at one letter at a time: in a browser, and with an IMAP client."""

    def __init__(self) -> None:
        from emaillab.host.mailhost import MailHost
        from emaillab.host.webmail.application import Webmail
        from emaillab.net.clock import VirtualClock
        from emaillab.protocol.backend import Session
        from emaillab.protocol.http.server import HttpServer
        from emaillab.protocol.imap.server import ImapServer

        self.host = MailHost("hamburger.edu", ip="192.0.2.25", clock=VirtualClock())
        self.host.add_user("bob", "secret")
        session = Session("hamburger.edu", "192.0.2.10", loopback=True, http=True)
        self.webmail = Webmail(self.host, secret=b"?")
        self._browser = HttpServer(self.webmail, session)
        self._client = ImapServer(self.host, Session("hamburger.edu", "192.0.2.10", loopback=True))
        self._client.receive(b"a LOGIN bob secret\r\nb SELECT INBOX\r\n")
        form = b"user=bob&password=secret"
        fields = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % len(form)
        said = self._browser.receive(b"POST /login HTTP/1.1\r\nHost: hamburger.edu\r\n" + fields + form)
        self._cookie = said.partition(b"Set-Cookie: ")[2].partition(b";")[0]
        self.uid = 0

    def put(self, raw: bytes) -> None:
        """Put a letter into the empty mailbox, in the place of the one before."""
        account = self.host.store.account("bob")
        assert account is not None
        account.inbox.remove([self.uid])
        self.uid = account.inbox.append(raw, [], self.host.clock.now())
        self._client.receive(b"c NOOP\r\n")

    def get(self, path: str) -> bytes:
        """Fetch a page, in which {uid} stands for the letter's UID."""
        request = f"GET {path.format(uid=self.uid)} HTTP/1.1\r\nHost: hamburger.edu\r\n".encode()
        said = self._browser.receive(request + b"Cookie: " + self._cookie + b"\r\n\r\n")
        assert said.startswith((b"HTTP/1.1 200", b"HTTP/1.1 404")), said[:200]
        return said

    def ask(self, command: str) -> bytes:
        """Give an IMAP command."""
        said = self._client.receive(f"d {command}\r\n".encode())
        assert b"\r\nd OK " in b"\r\n" + said, said[:200]
        return said

    def do(self, work: str) -> bytes:
        """Do one of `WORKS`."""
        return self.get(work) if work.startswith("/") else self.ask(work)


PAGES = (
    "/mail",
    "/mail/{uid}",
    "/compose?reply={uid}&all=1",
    "/mail/{uid}/part/1",
    "/mail/{uid}/source",
)
COMMANDS = (
    "FETCH 1 ENVELOPE",
    "FETCH 1 BODYSTRUCTURE",
    "FETCH 1 BODY",
    "FETCH 1 BODY.PEEK[]",
    "FETCH 1 BODY.PEEK[1]",
    "FETCH 1 BODY.PEEK[1.1.1.1.MIME]",
    "FETCH 1 BODY.PEEK[HEADER.FIELDS (From To)]",
    "SEARCH TEXT zzzz",
    "SEARCH BODY zzzz",
    "SEARCH TO zzzz",
    "SEARCH HEADER References zzzz",
    "SEARCH SENTON 1-Jan-2020",
)
WORKS = (*PAGES, *COMMANDS)
