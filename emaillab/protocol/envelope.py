"""What does SMTP say beside a letter: who sent it, who the recipients are, and what else the sender asks for?

A recipient is more than an address: with the extension DSN a sender says for each one when to report, and which
address it was to begin with. An envelope and its recipients travel from host to host as they are.

>>> bob = Recipient("bob@hamburger.edu", frozenset(["SUCCESS", "FAILURE"]), "rfc822;robert@hamburger.edu")
>>> bob.wants("FAILURE"), bob.wants("DELAY"), bob.notify_value
(True, False, 'SUCCESS,FAILURE')
>>> Envelope("alice@crepes.fr", [bob]).forward_paths
['bob@hamburger.edu']
>>> Envelope.plain("alice@crepes.fr", "bob@hamburger.edu", size=120)
Envelope(reverse_path='alice@crepes.fr', forward_paths=['bob@hamburger.edu'], body='7BIT', size=120)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

NEVER, SUCCESS, FAILURE, DELAY = "NEVER", "SUCCESS", "FAILURE", "DELAY"
NOTIFY_WORDS = (NEVER, SUCCESS, FAILURE, DELAY)
"""What NOTIFY may ask for, in the order in which it is written. NEVER stands alone."""
FULL, HDRS = "FULL", "HDRS"
"""How much of the letter a report of failure returns: all of it, or its header."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient as SMTP names it.

    Raises: ValueError when `notify` says what NOTIFY cannot.
    Source: RFC 5321 §2.3.1, §4.1.1.3; RFC 3461 §4.1, §4.2.
    """

    forward_path: str
    notify: frozenset[str] = frozenset()  # of NOTIFY_WORDS; empty: the sender did not say
    orcpt: str = ""  # "rfc822;robert@hamburger.edu", decoded; "": the sender did not say

    def __post_init__(self) -> None:
        if self.notify and (not self.notify <= set(NOTIFY_WORDS) or (NEVER in self.notify and len(self.notify) > 1)):
            said = ", ".join(sorted(self.notify))
            raise ValueError(f"NOTIFY is NEVER, or some of SUCCESS, FAILURE, DELAY, not {said}")

    @property
    def plain(self) -> bool:
        """True when its forward-path is all that is said of it."""
        return not (self.notify or self.orcpt)

    @property
    def notify_value(self) -> str:
        """NOTIFY's value as it is written in a command; "" where the sender did not say."""
        return ",".join(word for word in NOTIFY_WORDS if word in self.notify)

    def wants(self, event: str) -> bool:
        """Tell whether the sender wants a report on SUCCESS, FAILURE or DELAY; by default on the latter two.

        Source: RFC 3461 §4.1.
        """
        return event in self.notify if self.notify else event != SUCCESS


@dataclass(slots=True, repr=False)
class Envelope:
    """What SMTP says of a letter beside the letter.

    Source: RFC 5321 §2.3.1; RFC 1870 §5 (SIZE), 6152 §3 (BODY), 3461 §4.3, §4.4 (RET, ENVID), 6531 §3.4 (SMTPUTF8).
    """

    reverse_path: str  # "" is the null reverse-path <>
    recipients: list[Recipient] = field(default_factory=list)
    body: str = "7BIT"
    size: int | None = None
    ret: str = ""  # FULL or HDRS; "": the sender did not say
    envid: str = ""  # the sender's own name for this envelope, decoded
    smtputf8: bool = False  # addresses or header fields need not be ASCII

    @classmethod
    def plain(cls, reverse_path: str, *forward_paths: str, **rest: Any) -> Envelope:
        """Return an envelope whose recipients are addresses and nothing more; `rest` as in the class."""
        return cls(reverse_path, list(map(Recipient, forward_paths)), **rest)

    @property
    def forward_paths(self) -> list[str]:
        """The recipients' addresses."""
        return [recipient.forward_path for recipient in self.recipients]

    def __repr__(self) -> str:
        """Show what every envelope says, and of the rest what this one says."""
        plain = all(recipient.plain for recipient in self.recipients)
        said: dict[str, object] = {"reverse_path": self.reverse_path}
        said |= {"forward_paths": self.forward_paths} if plain else {"recipients": self.recipients}
        said |= {"body": self.body, "size": self.size}
        more = {"ret": self.ret, "envid": self.envid, "smtputf8": self.smtputf8}
        said |= {name: value for name, value in more.items() if value}
        return f"Envelope({', '.join(f'{name}={value!r}' for name, value in said.items())})"
