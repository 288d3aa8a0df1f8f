"""How does a client log in by name and password? With USER, and PASS directly after it.

>>> UserPass.TRANSITIONS["USER_GIVEN"]
{'PASS': 'TRANSACTION', ('PASS', <Outcome.NO: 'NO'>): 'AUTHORIZATION'}
"""

from __future__ import annotations

from typing import Any, ClassVar

from emaillab.engine import State
from emaillab.protocol.backend import MailReader, Session
from emaillab.protocol.framing.framer import FramingError
from emaillab.protocol.pop3.authorization import Authorization
from emaillab.protocol.pop3.client_session import Pop3ClientSession
from emaillab.protocol.pop3.grammar import Reply, refuse
from emaillab.protocol.pop3.session import AUTHORIZATION, BAD, NO, OK, TRANSACTION, verb
from emaillab.protocol.table import Key, Table, spell_out

USER_GIVEN = "USER_GIVEN"


class UserPass(Authorization):
    """Log in with USER and PASS.

    Source: RFC 1939 §7; RFC 2449 §6.2.
    """

    CAPABILITIES = ("USER",)
    MOVES: ClassVar[Table] = {
        AUTHORIZATION: {"USER": USER_GIVEN},
        USER_GIVEN: {"PASS": TRANSACTION, ("PASS", NO): AUTHORIZATION},
    }
    PHASES: ClassVar = {USER_GIVEN: "authorization"}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take after USER whatever is taken before it, and forget USER then: PASS must follow it directly."""
        super().__init_subclass__(**kwargs)
        before = cls.TRANSITIONS[AUTHORIZATION]
        taken = dict.fromkeys(map(_name, before))
        refused: dict[Key, State] = {(name, NO): AUTHORIZATION for name in taken if (name, NO) not in before}
        own = {key: after for key, after in cls.TRANSITIONS[USER_GIVEN].items() if _name(key) not in taken}
        cls.TRANSITIONS = {**cls.TRANSITIONS, USER_GIVEN: {**before, **refused, **own}}
        cls._ROWS = spell_out(cls, cls.TRANSITIONS, cls.VERBS)

    def __init__(self, backend: MailReader, session: Session) -> None:
        super().__init__(backend, session)
        self.user_given = b""  # what USER said, for the PASS right after it

    def announcement(self, capability: str) -> str:
        """Announce it where a password may be sent."""
        if capability == "USER" and not self.session.may_log_in:
            return ""
        return super().announcement(capability)

    @verb("USER name", rfc="1939 §7")
    def user(self, args: bytes) -> Reply:
        """Take the user name; whether there is such a user shows only after PASS."""
        self.log_in.check_privacy()
        self.user_given = args.strip(b" ")
        if not self.user_given:
            raise refuse("USER takes a user name")
        return Reply(OK, "password, please")

    @verb("PASS string", rfc="1939 §7")
    def pass_(self, args: bytes) -> Reply:
        """Log in with the password, which may hold spaces."""
        user, self.user_given = self.user_given, b""
        if not user:
            raise refuse("PASS must follow USER directly")
        # Octets that are not UTF-8 are nobody's name or password, but the answer is the same as for wrong ones.
        return self.log_in.by_password(user.decode("utf-8", "replace"), args.decode("utf-8", "replace"))

    def split(self, unit: bytes) -> tuple[str, bytes]:
        """Split a line; all but PASS make USER count no more."""
        name, args = super().split(unit)
        if name != "PASS":
            self.user_given = b""
        return name, args

    def misframed(self, error: FramingError) -> Reply:
        """Forget USER also after what is no line."""
        self.user_given = b""
        return super().misframed(error)

    def misplaced(self, name: str) -> Reply:
        """Say what should have come before PASS."""
        if name == "PASS" and self.state == AUTHORIZATION:
            return Reply(BAD, "PASS must follow USER directly")
        return super().misplaced(name)


def _name(key: Key) -> str:
    """Return the verb that a key of a table speaks of."""
    return key if isinstance(key, str) else key[0]


class UserPassClient(Pop3ClientSession):
    """The client's part of USER and PASS."""

    def user(self, name: str) -> Reply:
        """Give the user name."""
        return self.command(f"USER {name}")

    def password(self, password: str) -> Reply:
        """Give the password (PASS), directly after the user name."""
        return self.command(f"PASS {password}")

    def login(self, user: str, password: str) -> Reply:
        """Log in with USER and PASS."""
        reply = self.user(user)
        return self.password(password) if reply.ok else reply
