"""How does a server that forgets each request know who asks? By a number that it gave the browser to show: a cookie.

>>> from datetime import UTC, datetime
>>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
>>> logins = Logins(b"known to the server alone")
>>> login = logins.open("bob", noon)
>>> logins.find(login.id, noon).user, logins.find("guessed", noon)
('bob', None)
>>> logins.close(login.id); logins.find(login.id, noon)
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

LASTS = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Login:
    """One user in one browser."""

    id: str  # what the cookie says
    user: str
    until: datetime
    form_token: str  # what our own forms carry, and nobody else's can


class Logins:
    """Who is logged in; numbers come from a secret, so that nobody can guess one, yet a seeded world repeats them."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._open: dict[str, Login] = {}
        self._count = 0
        self._lock = Lock()  # pages are made in several threads

    def open(self, user: str, now: datetime) -> Login:
        """Log a user in."""
        with self._lock:
            self._count += 1
            id = self._sign(f"login {self._count}")
            login = Login(id, user, now + LASTS, self._sign(f"form {id}"))
            self._open = {id: login for id, login in self._open.items() if now < login.until} | {id: login}
            return login

    def find(self, id: str, now: datetime) -> Login | None:
        """Return whom a cookie stands for, unless it is unknown or too old."""
        login = self._open.get(id)
        return login if login is not None and now < login.until else None

    def close(self, id: str) -> None:
        """Log a user out; the cookie is worth nothing any more."""
        with self._lock:
            self._open.pop(id, None)

    def _sign(self, text: str) -> str:
        return hmac.digest(self._secret, text.encode(), "sha256").hex()[:32]
