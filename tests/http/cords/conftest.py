"""The application with the project's own kinds over both stores, as the clients of the CORDS service meet it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server.http.app import application
from server.hub import Hub
from server.store.base import Store
from tests.support.hubs import wired

PERSON = {"email": "ada@example.org", "password": "pass", "first_name": "Ada", "last_name": "Example", "role": "ML Engineer"}


@dataclass
class Api:
    """A client of the application, with a token once it has logged in."""

    hub: Hub
    client: FlaskClient
    token: str | None = None

    @classmethod
    def of(cls, hub: Hub) -> Api:
        """Make the client of a hub."""
        return cls(hub, application(hub).test_client())

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Send a request, with the token unless another or an empty `Authorization` is given."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            given.setdefault("Authorization", f"Bearer {self.token}")
        sent = {name: value for name, value in given.items() if value}
        options = {"json": body} if body is not None and not isinstance(body, (bytes, str)) else {"data": body}
        return self.client.open(path, method=method, headers=sent, **options)

    def log_in(self, **changes: str) -> str:
        """Register somebody and log in; return the id of the user."""
        person = PERSON | changes
        registered = self.call("POST", "/api/users/register", person, Authorization="")
        assert registered.status_code == 201, registered.text
        token = self.call("POST", "/api/users/get-auth-token", Authorization=basic(person["email"], person["password"]))
        assert token.status_code == 200, token.text
        self.token = token.json["token"]  # type: ignore[index]
        id: str = registered.json["user_id"]  # type: ignore[index]
        return id


def basic(user: str, password: str) -> str:
    """Write a Basic header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def api(stores: tuple[Store, Store], tmp_path: Path) -> Iterator[Api]:
    """Give a client of a hub that knows no MLflow."""
    with wired(stores, tmp_path) as hub:
        yield Api.of(hub)
