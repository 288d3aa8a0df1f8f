"""What slows down who guesses passwords? Each refusal of an account comes later than the one before.

The first failure of an account costs a second, the next two, all after that four; after a minute without a failure all
is forgiven. So a mail program that tries one mistyped password in three ways is not locked out, and a guesser has some
15 guesses a minute, by whichever protocols.

>>> from datetime import UTC
>>> failures, noon = Failures(), datetime(2026, 3, 2, 12, tzinfo=UTC)
>>> [failures.note("alice", noon + timedelta(seconds=s)) for s in (0, 1, 3, 7, 67)]
[1.0, 2.0, 4.0, 4.0, 1.0]
"""

from __future__ import annotations

from datetime import datetime, timedelta

DELAYS_S = (1.0, 2.0, 4.0)  # before the refusal of an account's first failure, the second, and all others
FORGIVEN_AFTER = timedelta(minutes=1)
MAX_ACCOUNTS = 10_000  # whose failures are remembered: names are the guesser's to choose


class Failures:
    """The failed log-ins of one host, by account, whichever protocol they came by."""

    def __init__(self) -> None:
        self._latest: dict[str, tuple[int, datetime]] = {}

    def note(self, user: str, now: datetime) -> float:
        """Count a failure. Returns: how many seconds its refusal has to wait.

        Whether "bob" or "bob@hamburger.edu" was tried, and whether there is such an account, makes no difference.
        """
        name = user.partition("@")[0].casefold()
        count, last = self._latest.pop(name, (0, now))
        count = count + 1 if now - last < FORGIVEN_AFTER else 1
        self._latest[name] = count, now  # at the end: the one that failed last
        while len(self._latest) > MAX_ACCOUNTS:
            # A copy, as the thread that makes a web page may come in between.
            self._latest.pop(list(self._latest)[0], None)  # noqa: RUF015
        return DELAYS_S[min(count, len(DELAYS_S)) - 1]
