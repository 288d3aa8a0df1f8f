"""How does any text become the value of an SMTP parameter, where neither a space nor "=" may stand?

>>> encode_xtext("alice+list@crepes.fr")
'alice+2Blist@crepes.fr'
>>> decode_xtext("alice+2Blist@crepes.fr")
'alice+list@crepes.fr'
"""

from __future__ import annotations

import re

# xtext = *( xchar / hexchar ); hexchar = ASCII "+" and two upper case hexadecimal digits       RFC 3461 §4
# xchar = any ASCII CHAR between "!" (33) and "~" (126) inclusive, except for "+" and "="
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_NO_XCHAR = re.compile(rb"[^!-*,-<>-~]")
_HEXCHAR = re.compile(r"\+([0-9A-F]{2})")


def encode_xtext(text: str) -> str:
    """Return text with "+", "=", spaces and all that is not printable ASCII as "+" and two digits.

    Source: RFC 3461 §4.
    """
    return _NO_XCHAR.sub(lambda octet: b"+%02X" % ord(octet[0]), text.encode()).decode("ascii")


def decode_xtext(value: str) -> str:
    """Return the text that was encoded. Raises: ValueError when it was not, or is no UTF-8.

    Source: RFC 3461 §4.
    """
    if not _XTEXT.fullmatch(value):
        raise ValueError(f"{value!r} is no xtext: printable ASCII without '=', and '+' only before two digits 0-9 A-F")
    return _HEXCHAR.sub(lambda pair: chr(int(pair[1], 16)), value).encode("latin-1").decode()
