"""Which character does `&eacute;` or `&#20320;` stand for in a web page, whatever number a stranger writes?

>>> unescape("caf&eacute; &#20320;&#x597d; &lt;b&gt; &#0000065;")
'café 你好 <b> A'
>>> unescape("&#" + "9" * 5000 + ";") == "\\N{REPLACEMENT CHARACTER}"
True
"""

from __future__ import annotations

import html
import re

_ZEROS = re.compile(r"&#0++(?=[0-9])")
# No character has so large a number, and Python reads no number of more than some thousand digits.
_TOO_LARGE = re.compile(r"&#[1-9][0-9]{7,}+")


def unescape(text: str) -> str:
    """Replace character references by their characters, as a browser does."""
    if "&#" in text:
        text = _TOO_LARGE.sub("&#1114112", _ZEROS.sub("&#", text))
    return html.unescape(text)
