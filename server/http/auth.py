"""Find out who sends a request: a bearer token, e-mail and password (Basic), or nobody.

Whoever sends credentials is judged by them: wrong ones are 401 even where nobody at all would pass. Nobody gets the role of the
setting `HUB_ANONYMOUS_ROLE`; `contributor` only on this very machine (see `anonymous_role`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from flask import Request, current_app, g, request
from flask_httpauth import HTTPBasicAuth, HTTPTokenAuth, MultiAuth  # type: ignore[import-untyped]

from server.errors import Unauthenticated
from server.services.callers import Caller, Role, anonymous
from server.settings import Settings

if TYPE_CHECKING:
    from server.hub import Hub

CHALLENGES = ('Bearer realm="CORDS Hub"', 'Basic realm="CORDS Hub", charset="UTF-8"')
"""What a 401 answers in `WWW-Authenticate`, one header each."""

_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


class _AnyCase:
    """Choose the scheme as RFC 9110 has it: by its name in any case."""

    scheme: str

    def is_compatible_auth(self, headers: Any) -> bool:
        """Tell whether the request's credentials are of this scheme."""
        given: str = headers.get("Authorization", "").partition(" ")[0]
        return given.lower() == self.scheme.lower()


class _Bearer(_AnyCase, HTTPTokenAuth):  # type: ignore[misc]
    """Opaque bearer tokens."""


class _Basic(_AnyCase, HTTPBasicAuth):  # type: ignore[misc]
    """E-mail and password."""


def current_caller() -> Caller:
    """Return who sends the current request, found out once; raise `Unauthenticated` for bad credentials."""
    if "caller" not in g:
        g.caller = _identify() if "Authorization" in request.headers else _nobody()
    return cast(Caller, g.caller)


def _verify_token(token: str) -> Caller:
    return current_hub().identity.tokens.authenticate(token)


def _verify_password(email: str, password: str) -> Caller:
    return current_hub().identity.logins.basic(email, password, request.remote_addr or "") if email else _nobody()


def _found() -> Caller:
    # The library asks for nobody's credentials where there are none, or none that it can read.
    return cast("Caller | None", _either.current_user()) or _nobody()


_bearer, _basic = _Bearer("Bearer"), _Basic("Basic")
_bearer.verify_token(_verify_token)
_basic.verify_password(_verify_password)
_either = MultiAuth(_bearer, _basic)
_identify: Callable[[], Caller] = _either.login_required(optional=True)(_found)


def _nobody() -> Caller:
    if "Authorization" in request.headers:
        raise Unauthenticated("The Authorization header cannot be read; send `Bearer <token>`, or `Basic` with e-mail and password.")
    return anonymous(anonymous_role(current_hub().settings, request))


def anonymous_role(settings: Settings, request: Request) -> Role:
    """Return the role of a request without credentials.

    To write without credentials is for somebody alone with their machine. So it takes a hub that listens on loopback, and a request
    that came straight from there, to a local name (a page elsewhere can point its own name at 127.0.0.1), and from no foreign page.
    """
    role = Role.parse(settings.anonymous_role)
    if role <= Role.reader or (settings.loopback and _from_here(request, settings.cors_origins)):
        return role
    return Role.reader


def _from_here(request: Request, origins: tuple[str, ...]) -> bool:
    origin = request.headers.get("Origin")
    return (
        _is_local(request.remote_addr)
        and _is_local(_name(f"//{request.host}"))
        and (origin is None or origin in origins or _is_local(_name(origin)))
        and not any(name in request.headers for name in _FORWARDED)
    )


def _name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_local(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def current_hub() -> Hub:
    """Return the hub that the application serves."""
    return cast("Hub", current_app.extensions["hub"])
