"""Under which name may an attachment be saved, whatever its sender wrote?

>>> safe_name("../../etc/passwd"), safe_name("C:\\\\Temp\\\\报告.pdf"), safe_name("CON.txt")
('passwd', '报告.pdf', '_CON.txt')
"""

from __future__ import annotations

import re
import unicodedata

_LONGEST = 255  # octets, the limit of common file systems
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?\Z", re.IGNORECASE | re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:")
_UNSAFE = re.compile(r'[<>:"|?*]')


def safe_name(name: str) -> str:
    """Reduce a file name from a message to one that any system can store in the current folder.

    Only the last component of a path is kept; control characters, and those that change the direction of writing,
    go; names that mean a folder or a device are changed.

    Returns: a name of 1 to 255 octets in UTF-8, "unnamed" when nothing is left.
    Source: RFC 2183 §2.3, §5.
    """
    last = re.split(r"[/\\]", _DRIVE.sub("", name, count=1) if _DRIVE.match(name) else name)[-1]
    visible = "".join(mark for mark in last if unicodedata.category(mark) not in ("Cc", "Cf", "Cs"))
    visible = _UNSAFE.sub("_", visible).strip(" ").rstrip(". ")
    if not visible.strip("."):
        return "unnamed"
    if _RESERVED.match(visible):
        visible = "_" + visible
    return _shortened(visible)


def _shortened(name: str) -> str:
    if len(name.encode()) <= _LONGEST:
        return name
    stem, dot, ending = name.rpartition(".")
    ending = dot + ending if stem and len(ending.encode()) < 20 else ""
    room = _LONGEST - len(ending.encode())
    return (stem if ending else name).encode()[:room].decode("utf-8", "ignore") + ending
