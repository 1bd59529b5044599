"""The REST interface of a tracking server as such: calls, pages, and what each wrong answer means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from typing import Any, Self, TypeVar

from server.clients.http import Bounds, Outbound, Reply
from server.errors import Forbidden, NotFound, UpstreamUnavailable

API = "api/2.0/mlflow/"
_PATIENT = {"read": 60.0, "total": 120.0}  # seconds that a page of a list may take: a server with much in it looks for a while

Record = TypeVar("Record")


class Tracker:
    """One tracking server. All methods may raise `UpstreamUnavailable`, those that name something also `NotFound`."""

    def __init__(self, uri: str, *, token: str = "", user: str = "", password: str = "", bounds: Bounds | None = None) -> None:
        """Speak to the server at this address, with a token or with user and password where it wants them."""
        self.uri = uri.rstrip("/")
        self._http = Outbound("MLflow", uri, token=token, user=user, password=password, bounds=bounds)
        self._theirs = False  # whether the credentials are those of whoever asks, not the hub's

    def within(self, seconds: float) -> Self:
        """Give a view of the same server whose calls, all together, end within so many seconds."""
        view = copy(self)
        view._http = self._http.within(seconds)
        return view

    def acting_for(self, authorization: str) -> Self:
        """Give a view of the same server that shows what somebody may see, by the `Authorization` that they gave; never what only the hub may."""
        view = copy(self)
        view._http, view._theirs = self._http.authorized(authorization), True
        return view

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def read(self, what: str, path: str, query: Mapping[str, str], member: str, read: Callable[[Mapping[str, Any]], Record]) -> Record:
        """Read one thing: `what` names it in errors, `member` is where the answer has it."""
        reply = self._http.get(API + path, query)
        self.check(reply, what)
        body = reply.json()
        return self.understood(lambda: read(body[member]))

    def pages(
        self,
        what: str,
        path: str,
        asked: Mapping[str, Any],
        member: str,
        read: Callable[[Mapping[str, Any]], Record],
        *,
        post: bool = False,
        most: int = 100,
    ) -> Iterator[list[Record]]:
        """Read a list page by page; what has more pages than anybody can want is an error."""
        asked, count, http = dict(asked), 0, self._http.limited(**_PATIENT)
        for _ in range(most):
            reply = http.post(API + path, asked) if post else http.get(API + path, asked)
            self.check(reply, what)
            body = reply.json()
            page = self.understood(lambda: [read(each) for each in body.get(member, ())])  # noqa: B023 - called at once
            yield page
            count += len(page)
            if not (token := self.understood(lambda: body.get("next_page_token"))):  # noqa: B023
                return
            asked["page_token"] = token
        raise UpstreamUnavailable(f"{self._http.name} has more than {count} entries for {what}.")

    def check(self, reply: Reply, what: str) -> None:
        """Return for a good answer; raise what any other one means."""
        if reply.status == 200:
            return
        code, name = error_code(reply), self._http.name
        if code == "RESOURCE_DOES_NOT_EXIST" or (code and reply.status == 404):
            raise NotFound(f"{name} has no {what}.")
        if reply.status == 400 and code == "INVALID_PARAMETER_VALUE":
            raise NotFound(f"{name} has no {what}, for that is no name or id there.")
        if reply.status in (401, 403):
            raise self._refused(reply.status, what)
        if reply.status == 404:
            raise UpstreamUnavailable(f"{name} does not answer like MLflow (404); check HUB_MLFLOW_URI.")
        raise UpstreamUnavailable(f"{name} answered {reply.status}{f' {code}' if code else ''} when asked for {what}.")

    def _refused(self, status: int, what: str) -> Forbidden | UpstreamUnavailable:
        name = self._http.name
        if self._theirs:
            return Forbidden(f"{name} does not let you read {what} ({status}), so it is not imported for you; ask whoever owns it there.")
        return UpstreamUnavailable(
            f"{name} refuses the hub's credentials for {what} ({status}); set HUB_MLFLOW_TOKEN, or HUB_MLFLOW_USER and _PASSWORD."
        )

    def understood(self, read: Callable[[], Record]) -> Record:
        """Read an answer; one that makes no sense is an error of the server."""
        try:
            return read()
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise UpstreamUnavailable(f"{self._http.name} gave an answer that makes no sense ({type(error).__name__}).") from error


def error_code(reply: Reply) -> str:
    """Return the error code of an answer of MLflow; empty for what does not look like one."""
    if not reply.media_type.startswith("application/json"):
        return ""
    body = reply.json()
    code = body.get("error_code", "") if isinstance(body, dict) else ""
    return code if isinstance(code, str) and code.replace("_", "").isalnum() else ""
