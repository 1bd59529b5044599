"""An application with accounts, and somebody to speak to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.people import PASSWORD

ADA, ADMIN = "ada@example.org", "admin@example.org"


@dataclass
class Site:
    """An application with two accounts, and somebody to speak to it."""

    app: Flask
    client: FlaskClient

    def call(self, method: str, path: str, who: str | None = None, **options: Any) -> TestResponse:
        """Send a request as somebody: an e-mail (with the password that all accounts here have) or a token."""
        if who and "@" in who:
            options["auth"] = (who, PASSWORD)
        elif who:
            options["headers"] = {"Authorization": f"Bearer {who}", **options.get("headers", {})}
        return self.client.open(path, method=method, **options)

    def key(self, who: str, **members: Any) -> str:
        """Make an API key."""
        answer = self.call("POST", "/api/tokens", who, json={"name": "key", **members})
        assert answer.status_code == 201, answer.text
        key: str = answer.json["token"]  # type: ignore[index]
        return key

    def id(self, who: str) -> str:
        """Return the id of an account."""
        account = self.app.extensions["hub"].identity.accounts.by_email(who)
        return str(account.id)


def problem(status: int, answer: TestResponse) -> dict[str, Any]:
    """Check that an answer is a problem document with this status, and return its members."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    members: dict[str, Any] = answer.json  # type: ignore[assignment]
    assert members["status"] == status
    return members
