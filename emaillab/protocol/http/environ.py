"""How is an application told of a request? As a dictionary with the names that CGI once gave (PEP 3333).

>>> from emaillab.protocol.backend import Session
>>> request = h11.Request(method="GET", target="/mail?box=Sent", headers=[("Host", "www.crepes.fr"), ("Accept", "*/*")])
>>> environ = environ_of(request, b"", Session("www.crepes.fr", "192.0.2.7"))
>>> environ["PATH_INFO"], environ["QUERY_STRING"], environ["HTTP_ACCEPT"], environ["REMOTE_ADDR"]
('/mail', 'box=Sent', '*/*', '192.0.2.7')
"""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import unquote_to_bytes

import h11

from emaillab.protocol.backend import Session

SESSION = "emaillab.session"
"""Where an application finds the `Session`: the host's own clock, whether the line is encrypted."""


def environ_of(request: h11.Request, content: bytes, session: Session) -> dict[str, Any]:
    """Return the environment of a whole request."""
    path, _, query = _origin_form(request.target).partition(b"?")
    scheme = "https" if session.secure else "http"
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method.decode("ascii"),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_NAME": session.server_name,
        "SERVER_PORT": "443" if session.secure else "80",
        "SERVER_PROTOCOL": f"HTTP/{request.http_version.decode()}",
        "REMOTE_ADDR": session.peer_ip,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BytesIO(content),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        SESSION: session,
    }
    for name, value in request.headers:
        _add(environ, name.decode("ascii"), value.decode("latin-1"))
    environ["CONTENT_LENGTH"] = str(len(content))  # also of what came in chunks
    return environ


def _origin_form(target: bytes) -> bytes:
    """Return the path and query of a request target; a proxy's form names the host too. Source: RFC 9112 §3.2.2."""
    scheme, found, rest = target.partition(b"://")
    if found and scheme.lower() in (b"http", b"https"):
        return b"/" + rest.partition(b"/")[2]
    return target


def _add(environ: dict[str, Any], name: str, value: str) -> None:
    if "_" in name or name == "transfer-encoding":  # "_" could pose as "-"
        return
    key = name.upper().replace("-", "_")
    if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        key = f"HTTP_{key}"
    between = "; " if key == "HTTP_COOKIE" else ", "
    environ[key] = environ[key] + between + value if key in environ and key.startswith("HTTP_") else value
