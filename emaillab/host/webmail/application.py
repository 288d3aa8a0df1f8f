"""How is mail read and written in a browser? Each page is one request; the server asks the store and writes HTML.

A browser says GET to look and POST to do; after a POST it is sent elsewhere (303), so that "reload" does nothing twice.

>>> from emaillab.net.clock import VirtualClock
>>> from emaillab.host.mailhost import MailHost
>>> from emaillab.protocol.backend import Session
>>> from emaillab.protocol.http.server import HttpServer
>>> host = MailHost("hamburger.edu", ip="192.0.2.25", clock=VirtualClock())
>>> browser = HttpServer(Webmail(host, secret=b"?"), Session("hamburger.edu", "192.0.2.10"))
>>> print(browser.receive(b"GET /mail HTTP/1.1\\r\\nHost: hamburger.edu\\r\\n\\r\\n").decode().splitlines()[0])
HTTP/1.1 303 SEE OTHER
>>> print(browser.receive(b"GET /login HTTP/1.1\\r\\nHost: hamburger.edu\\r\\n\\r\\n").decode().splitlines()[0])
HTTP/1.1 200 OK
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Flask, Response, abort, g, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from emaillab.host.store import INBOX, StoredAccount, StoredMailbox
from emaillab.host.webmail.logins import Logins
from emaillab.host.webmail.reading import PICTURES, Summary, file_of, part_at, read, summarise
from emaillab.host.webmail.writing import Draft, Unsent, answer, files_of, send, thread_fields
from emaillab.protocol.backend import Entry, Session
from emaillab.protocol.http.environ import SESSION
from emaillab.protocol.login import proven
from emaillab.protocol.sasl import Credentials

if TYPE_CHECKING:
    from emaillab.host.mailhost import MailHost

SENT = "Sent"
PER_PAGE = 50
MOST_SUMMARIES = 10_000
PIECE = 1 << 16  # octets
TOLD = {"sent": "Your letter is on its way.", "deleted": "The letter is deleted.", "out": "You are logged out."}
HERE = Path(__file__).parent
# Nothing runs, nothing is loaded from elsewhere, no form is sent elsewhere, no page of others frames ours.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
SHUT = "default-src 'none'; sandbox"  # for what strangers wrote
Page = str | AnyResponse | tuple[str, int]


class Webmail:
    """One host's webmail: a WSGI application."""

    def __init__(self, host: MailHost, secret: bytes) -> None:
        self.host, self.logins = host, Logins(secret)
        # A cookie belongs to a name whatever the port is; on one machine there may be several hosts.
        self.cookie = "webmail-" + "".join(c if c.isalnum() and c.isascii() else "-" for c in host.name)
        self._summaries: dict[tuple[str, str, int, int], Summary] = {}
        self._app = self._routes()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        return self._app(environ, start_response)

    def _routes(self) -> Flask:
        app = Flask(__name__, static_folder=None)
        app.config.update(PROPAGATE_EXCEPTIONS=True, MAX_FORM_MEMORY_SIZE=8 << 20)
        app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = app.jinja_env.keep_trailing_newline = True
        app.before_request(self._who)
        app.after_request(self._guard)
        app.register_error_handler(HTTPException, self._error)
        app.context_processor(self._common)
        for rule, method, view in (
            ("/", "GET", self.start),
            ("/login", "GET", self.login_form),
            ("/login", "POST", self.login),
            ("/logout", "POST", self.logout),
            ("/mail", "GET", self.mailbox),
            ("/mail/<int:uid>", "GET", self.letter),
            ("/mail/<int:uid>/source", "GET", self.source),
            ("/mail/<int:uid>/part/<int:index>", "GET", self.part),
            ("/mail/<int:uid>/delete", "POST", self.delete),
            ("/compose", "GET", self.compose_form),
            ("/compose", "POST", self.compose),
            ("/style.css", "GET", self.style),
            ("/icon.svg", "GET", self.style),
        ):
            app.add_url_rule(rule, view.__name__, view, methods=[method])
        return app

    # Around each page

    def _who(self) -> AnyResponse | None:
        """Find out who asks, and turn away whom the page is not for."""
        g.session = request.environ[SESSION]
        g.login = self.logins.find(request.cookies.get(self.cookie, ""), g.session.now())
        if request.path in ("/style.css", "/icon.svg") or request.url_rule is None:
            return None
        if request.method == "POST" and request.origin not in (None, request.host_url.rstrip("/")):
            abort(403, "This form was sent from a page of another site.")
        if request.path == "/login":
            return None
        if g.login is None:
            return see("/login")
        if request.method == "POST" and not hmac.compare_digest(
            request.form.get("form_token", "").encode(), g.login.form_token.encode()
        ):
            abort(403, "This form is not one of yours, or too old. Go back, reload the page, and send it again.")
        return None

    def _guard(self, response: Response) -> Response:
        """Add what keeps a browser from doing more than it is asked to."""
        for name, value in (
            ("Content-Security-Policy", POLICY),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "same-origin"),
            ("Cache-Control", "no-store"),
        ):
            response.headers.setdefault(name, value)
        return response

    def _error(self, error: HTTPException) -> Page:
        return render_template("error.html", code=error.code, name=error.name, why=error.description), error.code or 500

    def _common(self) -> dict[str, Any]:
        """Return what all pages show."""
        login = g.get("login")
        address, boxes = (self._address, list(self._boxes())) if login else ("", [])
        return {"host": self.host.name, "login": login, "address": address, "boxes": boxes, "place": place}

    def _boxes(self) -> Iterator[tuple[StoredMailbox, int]]:
        """Give the user's mailboxes, each with the number of unread letters."""
        for name in self._account.mailbox_names():
            if box := self._account.mailbox(name):
                yield box, box.status().unseen

    @property
    def _account(self) -> StoredAccount:
        account = self.host.store.account(g.login.user)
        assert account is not None
        return account

    @property
    def _address(self) -> str:
        domains = self.host.policy.domains
        domain = self.host.name if self.host.name in domains else min(domains, default=self.host.name)
        return f"{self._account.name}@{domain}"

    @property
    def _box(self) -> StoredMailbox:
        return self._account.mailbox(request.values.get("box", INBOX)) or abort(404, "There is no such mailbox.")

    def _entry(self, uid: int) -> Entry:
        return self._box.entry(uid) or abort(404, "There is no such letter, or it is deleted.")

    # Logging in and out

    def start(self) -> Page:
        """Go to the letters."""
        return see("/mail")

    def login_form(self) -> Page:
        """Show the form for name and password, where it may be filled in."""
        session: Session = g.session
        return render_template("login.html", allowed=session.may_log_in, told=TOLD.get(request.args.get("told", "")))

    def login(self) -> Page:
        """Log in; who guesses passwords waits longer and longer, as in the other protocols."""
        session: Session = g.session
        if not session.may_log_in:
            return render_template("login.html", allowed=False), 403
        user = request.form.get("user", "")
        kept = proven(self.host, Credentials(user, request.form.get("password", "")))
        if kept is None:
            session.pause_s = self.host.failures.note(user, session.now())
            return render_template("login.html", allowed=True, user=user, wrong=True), 403
        response = see("/mail")
        login = self.logins.open(kept.name, session.now())
        response.set_cookie(self.cookie, login.id, httponly=True, samesite="Lax", secure=session.secure)
        return response

    def logout(self) -> Page:
        """Log out, here and for whoever else may hold the cookie."""
        self.logins.close(g.login.id)
        response = see("/login?told=out")
        response.set_cookie(self.cookie, "", max_age=0, expires=0, httponly=True, samesite="Lax")
        return response

    # Looking

    def mailbox(self) -> Page:
        """List a mailbox, the latest letters first."""
        box = self._box
        entries = box.entries()[::-1]
        last = max(1, -(-len(entries) // PER_PAGE))
        page = min(max(request.args.get("page", 1, int), 1), last)
        rows = [(entry, self._summary(box, entry)) for entry in entries[(page - 1) * PER_PAGE : page * PER_PAGE]]
        told = TOLD.get(request.args.get("told", ""))
        return render_template("list.html", box=box, rows=rows, page=page, last=last, told=told, zone=self.host.zone)

    def _summary(self, box: StoredMailbox, entry: Entry) -> Summary:
        """Read a letter's line in a list, once: what a UID names never changes."""
        key = self._account.name, box.name, box.uid_validity, entry.uid
        if key not in self._summaries:
            if len(self._summaries) >= MOST_SUMMARIES:
                self._summaries.clear()
            self._summaries[key] = summarise(box.raw(entry.uid))
        return self._summaries[key]

    def letter(self, uid: int) -> Page:
        """Show a letter, and mark it as seen."""
        box, entry = self._box, self._entry(uid)
        if request.method == "GET":
            box.set_flags(uid, entry.flags | {"\\Seen"})
        return render_template("letter.html", box=box, entry=entry, letter=read(box.raw(uid)))

    def source(self, uid: int) -> Page:
        """Give a letter's octets, each as it is in the store."""
        self._entry(uid)
        return _octets(self._box.raw(uid), "text/plain; charset=utf-8", f'inline; filename="{uid}.eml"')

    def part(self, uid: int, index: int) -> Page:
        """Give a part's content, decoded, to be saved and never to be opened in our name."""
        self._entry(uid)
        part = part_at(self._box.raw(uid), index) or abort(404, "The letter has no such part.")
        file = file_of(part, index)
        kind = file.content_type if file.content_type in PICTURES else "application/octet-stream"
        return _octets(part.decoded, kind, save_as(file.name))

    # Doing

    def delete(self, uid: int) -> Page:
        """Delete a letter for good."""
        self._entry(uid)
        self._box.remove([uid])
        return see(place("mailbox", self._box, told="deleted"))

    def compose_form(self) -> Page:
        """Show the form for a letter, or for the answer to one."""
        draft = Draft(to=request.args.get("to", ""))
        uid, problem = request.args.get("reply", 0, int), ""
        if uid:
            self._entry(uid)
            try:
                draft = answer(self._box.raw(uid), self._address, everybody="all" in request.args)
                problem = draft.notice
            except ValueError as error:
                problem = str(error)
        return self._form(draft, uid, problem)

    def compose(self) -> Page:
        """Send a letter, keep a copy, and go back to the letters."""
        form, uid = request.form, request.form.get("reply", 0, int)
        to, cc, bcc, subject, text = (form.get(name, "") for name in ("to", "cc", "bcc", "subject", "text"))
        files = files_of((file.filename, file.read()) for file in request.files.getlist("files"))
        draft = Draft(to, cc, bcc, subject, text, self._thread(uid), files)
        try:
            with self.host.work():  # a letter that is sent is in the writer's mailbox, too
                copy = send(self.host, g.session, self._address, draft)
                self._keep(copy, g.session)
                if uid:
                    self._mark_answered(uid)
        except Unsent as error:
            return self._form(draft, uid, str(error)), 400
        return see(place("mailbox", self._box, told="sent"))

    def _form(self, draft: Draft, uid: int, problem: str) -> str:
        return render_template("compose.html", draft=draft, reply=uid, box=self._box, problem=problem)

    def _thread(self, uid: int) -> dict[str, str]:
        """Return the fields that join an answer to what it answers."""
        try:
            return thread_fields(self._box.raw(uid)) if uid else {}
        except KeyError:  # deleted meanwhile
            return {}

    def _keep(self, copy: bytes, session: Session) -> None:
        """Keep a copy of what was sent, as every user agent does for its writer."""
        account = self._account
        self.host.store.add_mailbox(account.name, SENT)
        box = account.mailbox(SENT)
        assert box is not None
        box.append(copy, ["\\Seen"], session.now())

    def _mark_answered(self, uid: int) -> None:
        entry = self._box.entry(uid)
        if entry is not None:
            self._box.set_flags(uid, entry.flags | {"\\Answered"})

    # What pages are made of

    def style(self) -> Page:
        """Give the style sheet or the icon."""
        kind = "text/css; charset=utf-8" if request.path.endswith(".css") else "image/svg+xml"
        response = Response((HERE / "templates" / request.path.strip("/")).read_bytes(), content_type=kind)
        response.headers["Cache-Control"] = "max-age=3600"
        return response


def save_as(name: str) -> str:
    """Return the header value that has content saved under a name. Source: RFC 6266 §4, RFC 8187 §3.2."""
    ascii_name = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    exact = f"; filename*=UTF-8''{quote(name, safe='')}" if ascii_name != name else ""
    return f'attachment; filename="{ascii_name}"{exact}'


def see(address: str) -> Response:
    """Send the browser to another page, with GET. Source: RFC 9110 §15.4.4."""
    return Response(status=303, headers={"Location": address})


def place(view: str, box: StoredMailbox, **values: Any) -> str:
    """Return the address of a page about a mailbox; INBOX goes without saying."""
    return url_for(view, box=None if box.name == INBOX else box.name, **values)


def _octets(data: bytes, kind: str, disposition: str) -> Response:
    """Return octets that strangers wrote, in pieces that are cut as the browser reads."""

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(data), PIECE):
            yield data[start : start + PIECE]

    response = Response(pieces(), content_type=kind)
    response.headers["Content-Length"] = str(len(data))
    response.headers["Content-Security-Policy"] = SHUT
    response.headers["Content-Disposition"] = disposition
    return response
