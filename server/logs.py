"""Structured logs: one JSON object a line on standard error, with the request they belong to, and never a secret.

Bodies, query strings and headers are not logged at all. What an error message carries along is cleaned by `redact`,
because messages of libraries may quote an address or a header.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from contextvars import ContextVar

import orjson

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that this thread works on; every line carries it."""

access_log = logging.getLogger("server.access")
_ACCESS = ("method", "route", "status", "ms")

_SECRETS = re.compile(
    r"(?P<keep>\b(?:bearer|basic)\s+|[\w-]*(?:password|passwd|secret|token|api[_-]?key|authorization)[\w-]*[\"']?\s*[=:]\s*(?:(?:bearer|basic)\s+)?)"
    r"(?:\"[^\"]*\"|'[^']*'|[^\s\"'&,;}<>]+)"
    r"|(?P<before>://)[^\s/@:]*:[^\s/@]*(?=@)",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """Replace what looks like a credential: after Bearer or Basic, the value of a password or token, the user part of an address."""
    return _SECRETS.sub(lambda match: (match["keep"] or match["before"]) + "…", text)


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Turn a record into its line."""
        line: dict[str, object] = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if identifier := request_id.get():
            line["request"] = identifier
        line |= {name: record.__dict__[name] for name in _ACCESS if name in record.__dict__}
        if record.exc_info:
            line["trace"] = redact(self.formatException(record.exc_info))
        return orjson.dumps(line, default=str).decode("utf-8", "replace")


def configure(level: str) -> None:
    """Send the lines of every logger to standard error; libraries speak from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.getLevelNamesMapping()[level], logging.WARNING))
    logging.getLogger("server").setLevel(level)


def log_request(method: str, route: str, status: int, ms: float) -> None:
    """Log one answered request; `route` is the rule and not the address, so that no value of a caller gets here."""
    access_log.info("%s %s %d", method, route, status, extra={"method": method, "route": route, "status": status, "ms": round(ms, 1)})
