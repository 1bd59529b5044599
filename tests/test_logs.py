"""Logs: one JSON object a line, with the request, never with a secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from server.logs import JsonFormatter, configure, log_request, redact, request_id

HIDDEN = "s3cr3t-value"


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root, hub = logging.getLogger(), logging.getLogger("server")
    before = root.handlers[:], root.level, hub.level
    yield
    root.handlers[:], root.level, hub.level = before[0], before[1], before[2]


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {HIDDEN}",
        f"authorization=Basic {HIDDEN}",
        f"sent bearer {HIDDEN} to it",
        f"GET /x?page=2&token={HIDDEN}&y=2",
        f"/login?password={HIDDEN}",
        f"{{'password': '{HIDDEN} with blanks', 'email': 'a@b'}}",
        f'{{"access_token":"{HIDDEN}","api-key": "{HIDDEN}"}}',
        f"http://user:{HIDDEN}@host/path",
        f"client_secret={HIDDEN}; next",
    ],
)
def test_secrets_are_redacted(text: str) -> None:
    assert HIDDEN not in redact(text)
    assert "…" in redact(text)


@pytest.mark.parametrize("text", ["two tokens are nice", "GET /api/models 200", "the password is too short", "http://host:80/a@b"])
def test_harmless_text_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.usefixtures("restored_logging")
def test_a_request_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO")
    token = request_id.set("abc123")
    log_request("GET", "/api/<collection>/<id>", 200, 1.234)
    request_id.reset(token)
    line = json.loads(capsys.readouterr().err)
    assert {name: line[name] for name in ("level", "method", "route", "status", "ms", "request")} == {
        "level": "INFO", "method": "GET", "route": "/api/<collection>/<id>", "status": 200, "ms": 1.2, "request": "abc123",
    }  # fmt: skip
    assert line["at"].endswith("Z")


@pytest.mark.usefixtures("restored_logging")
def test_levels_hide_what_is_less_important(capsys: pytest.CaptureFixture[str]) -> None:
    configure("WARNING")
    log_request("GET", "/", 200, 1.0)
    logging.getLogger("library").info("chatter")
    logging.getLogger("library").warning("a line\nbreak")
    lines = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["message"] for line in lines] == ["a line\nbreak"]
    assert "request" not in json.loads(lines[0])


def test_a_trace_is_redacted_too() -> None:
    try:
        raise ValueError(f"token={HIDDEN}")
    except ValueError as error:
        record = logging.LogRecord("server", logging.ERROR, __file__, 1, "failed", (), (type(error), error, error.__traceback__))
    line = JsonFormatter().format(record)
    assert HIDDEN not in line
    assert "ValueError" in json.loads(line)["trace"]
