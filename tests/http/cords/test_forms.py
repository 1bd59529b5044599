"""How the body of a form is read: as far as its JSON object goes."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask import Flask

from server.errors import Malformed
from server.http.cords.forms import Text, filled

FORM = {"a": Text("a is needed")}


class NeverEnding:
    """A connection that stays silent after some bytes, as the web server hands it over; to wait for more is an error here."""

    def __init__(self, content: bytes) -> None:
        self.content = io.BytesIO(content)

    def read(self, size: int = -1) -> bytes:
        found = self.content.read(size)
        assert found, "the form waits for more than its object"
        return found


def read(body: bytes, **environment: Any) -> dict[str, Any]:
    given = {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body) + 21), "wsgi.input": NeverEnding(body), "REQUEST_METHOD": "POST"}
    with Flask("test").request_context({**Flask("test").test_request_context().request.environ, **given, **environment}):
        return filled(FORM)


@pytest.mark.parametrize(
    "body",
    [b'{"a": "x"}', b' \n{"a": "x", "b": {"c": [1, {"d": "}"}]}}', b'{"a": "\\"}\\\\", "b": "{["}', b'{"a": "\\\\"}', '{"a": "ü}"}'.encode()],
)
def test_an_object_is_complete_with_its_last_brace(body: bytes) -> None:
    assert "a" in read(body)


def test_a_list_is_complete_with_its_last_bracket() -> None:
    with pytest.raises(Malformed, match="JSON object"):
        read(b'[{"a": "x"}, "]"]')


def test_a_long_body_is_read_in_one_piece() -> None:
    body = b'{"a": "' + b"x" * 40_000 + b'"}'
    assert read(body, CONTENT_LENGTH=str(len(body)), **{"wsgi.input": io.BytesIO(body)})["a"].startswith("xxx")


def test_a_body_that_ends_early_is_malformed() -> None:
    with pytest.raises(Malformed, match="Invalid JSON"):
        read(b'{"a"', CONTENT_LENGTH="4", **{"wsgi.input": io.BytesIO(b'{"a"')})
