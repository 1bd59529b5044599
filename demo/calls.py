"""Call the hub over HTTP, print each call and its answer, and insist on what the answer has to be."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import urllib3

_LONGEST = 6000


class Unexpected(Exception):
    """An answer is not as it should be."""


class Calls:
    """The calls of the demonstration to one hub."""

    def __init__(self, url: str) -> None:
        """Call the hub at this address."""
        self._url = url
        self._http = urllib3.PoolManager(retries=False, timeout=60)

    def send(
        self, said: str, method: str, path: str, status: int, *, body: Any = None, fields: Mapping[str, str] | None = None, **headers: str
    ) -> str:
        """Say what is done, send a request, print both sides, and return the body of the answer, which must have this status."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        options: dict[str, Any] = {"json": body} if body is not None else {"fields": fields, "encode_multipart": False} if fields else {}
        print(f"\n# {said}\n{method} {self._url}{path}")
        for name, value in sent.items():
            print(f"{name}: {value}")
        if body is not None or fields:
            print(json.dumps(body, indent=2) if body is not None else "\n".join(f"{name}={value}" for name, value in (fields or {}).items()))
        answer = self._http.request(method, self._url + path, headers=sent, **options)
        text = answer.data.decode()
        print(f"→ {answer.status} {answer.headers.get('Content-Type')}\n{_readable(text)}")
        expect(answer.status == status, f"{method} {path} answered {answer.status} and not {status}")
        return text

    def json(self, said: str, method: str, path: str, status: int, **options: Any) -> Any:
        """Do the same and return the JSON of the answer."""
        return json.loads(self.send(said, method, path, status, **options))


def expect(true: bool, otherwise: str) -> None:
    """Return if it is so, else raise `Unexpected`."""
    if not true:
        raise Unexpected(otherwise)


def _readable(text: str) -> str:
    with contextlib.suppress(json.JSONDecodeError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\n… ({len(text)} characters)"
