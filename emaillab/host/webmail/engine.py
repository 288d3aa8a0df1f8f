"""How does a host get webmail? It is handed what makes the engines of its web server.

>>> from emaillab.host.mailhost import MailHost
>>> from emaillab.net.clock import VirtualClock
>>> host = MailHost("hamburger.edu", ip="192.0.2.25", clock=VirtualClock(), engines={"http": WebmailEngine()})
>>> [service.name for service in host.services()]
['smtp', 'submission', 'pop3', 'imap', 'http']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emaillab.engine import Engine
from emaillab.protocol.backend import Session

if TYPE_CHECKING:
    from emaillab.host.mailhost import MailHost
    from emaillab.host.webmail.application import Webmail


class WebmailEngine:
    """Makes the engines of one host's web server; the application is made when the first browser comes.

    Where the parts for webmail are not installed, the server says so.
    """

    def __init__(self) -> None:
        self._application: Webmail | None = None

    def prepare(self, host: MailHost) -> None:
        """Make the application now, so that the first browser keeps nobody waiting. Raises: ModuleNotFoundError."""
        from emaillab.host.webmail.application import Webmail

        if self._application is None:
            self._application = Webmail(host, secret=host.secret)

    def __call__(self, host: MailHost, session: Session) -> Engine:
        """Return the engine of one session."""
        try:
            from emaillab.protocol.http.server import HttpServer

            self.prepare(host)
        except ModuleNotFoundError as error:
            from emaillab.protocol.http.absent import AbsentServer

            return AbsentServer(f'webmail needs {error.name}, which is missing here: pip install "emaillab[web]"')
        assert self._application is not None
        return HttpServer(self._application, session, commit=host.store.commit)
