"""Accounts, tokens, invites and the audit log over HTTP; and what they add to the collection of people."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from server.http import bodies
from server.http.auth import current_caller, current_hub
from server.http.operations import Parameter, arguments, operation
from server.services import audit
from server.services.accounts import Account
from server.services.audit import Entry
from server.services.callers import Caller, Role
from server.services.registration import Invite
from server.services.system import text
from server.services.tokens import SCOPES, Token

people = Blueprint("people", __name__, url_prefix="/api")

_TEXT = {"type": "string"}
_ROLE = {"type": "string", "enum": [role.name for role in Role if role]}
_TIME = {"type": "string", "format": "date-time"}
_SECRET = {"Cache-Control": "no-store"}
_TOKEN = {
    "type": "object",
    "properties": {
        "id": _TEXT,
        "kind": {"type": "string", "enum": ["key", "login"]},
        "name": _TEXT,
        "owner": _TEXT,
        "scopes": {"type": "array", "items": {"type": "string", "enum": list(SCOPES)}},
        "created": _TIME,
        "expires": {"type": ["string", "null"], "format": "date-time"},
        "last_used": {"type": ["string", "null"], "format": "date-time"},
        "token": {"type": "string", "description": "the secret, shown once, when the key is made"},
    },
}
_ACCOUNT = {
    "type": "object",
    "properties": {"id": _TEXT, "iri": _TEXT, "email": _TEXT, "role": _ROLE, "disabled": {"type": "boolean"}, "created": _TIME},
}
_INVITE = {
    "type": "object",
    "properties": {"id": _TEXT, "by": _TEXT, "created": _TIME, "expires": _TIME, "used_by": {"type": ["string", "null"]}, "code": _TEXT},
}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"application/json": {"type": "object", "required": required, "properties": properties, "additionalProperties": False}}


def _items(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"type": "object", "properties": {"items": {"type": "array", "items": schema}, "next": _TEXT}}}


@people.get("/me")
@operation("Say who you are", role=Role.none, tag="people", content={"application/json": _ACCOUNT})
def me() -> ResponseReturnValue:
    """Answer the caller's account and the role that the credentials used give."""
    caller = _somebody()
    iri = caller.person.value if caller.person else None
    return {"id": caller.id, "iri": iri, "email": caller.email, "role": caller.role.name, "scopes": sorted(caller.scopes)}


@people.post("/me/password")
@operation(
    "Change your password",
    role=Role.none,
    tag="people",
    body=_object(["current", "new"], current=_TEXT, new=_TEXT),
    answers={204: "changed; your log-in tokens have ended, your API keys stay"},
)
def change_password() -> ResponseReturnValue:
    """Set another password for who knows the present one."""
    given, caller, identity = bodies.members(), _somebody(), current_hub().identity
    identity.logins.basic(caller.email or "", given["current"], request.remote_addr or "")
    identity.accounts.change_password(caller.id or "", given["new"])
    return "", 204


@people.post("/tokens")
@operation(
    "Make an API key",
    role=Role.none,
    tag="tokens",
    body=_object(["name"], name=_TEXT, scopes={"type": "array", "items": {"type": "string", "enum": list(SCOPES)}}, expires=_TIME),
    content={"application/json": _TOKEN},
    answers={201: "the key; `token` is shown this once"},
)
def create_token() -> ResponseReturnValue:
    """Make an API key for the caller's account."""
    given = bodies.members()
    token, secret = current_hub().identity.tokens.create_key(_somebody(), given["name"], given.get("scopes"), bodies.time(given, "expires"))
    location = url_for("people.read_token", token_id=token.id)
    return {**_token(token), "token": secret}, 201, {"Location": location, **_SECRET}


@people.get("/tokens")
@operation(
    "List your tokens",
    role=Role.none,
    tag="tokens",
    query=(Parameter("owner", "The account whose tokens to list; only for administrators."),),
    content=_items(_TOKEN),
)
def list_tokens() -> ResponseReturnValue:
    """List the tokens of the caller, or for administrators of anybody."""
    caller = _somebody()
    owner: str = arguments().get("owner") or caller.id or ""
    if owner != caller.id:
        caller.require(Role.admin)
    return {"items": [_token(token) for token in current_hub().identity.tokens.list(owner)]}


@people.get("/tokens/<token_id>")
@operation("Describe a token", role=Role.none, tag="tokens", content={"application/json": _TOKEN})
def read_token(token_id: str) -> ResponseReturnValue:
    """Describe one of the caller's tokens, without its secret."""
    return _token(current_hub().identity.tokens.get(_somebody(), token_id))


@people.delete("/tokens/<token_id>")
@operation("Revoke a token", role=Role.none, tag="tokens", answers={204: "revoked, at once"})
def revoke_token(token_id: str) -> ResponseReturnValue:
    """End one of the caller's tokens."""
    current_hub().identity.tokens.revoke(_somebody(), token_id)
    return "", 204


@people.get("/accounts")
@operation("List the accounts", role=Role.admin, tag="people", content=_items(_ACCOUNT))
def list_accounts() -> ResponseReturnValue:
    """List all accounts by e-mail."""
    return {"items": [_account(account) for account in current_hub().identity.accounts.list()]}


@people.get("/accounts/<account_id>")
@operation("Read an account", role=Role.admin, tag="people", content={"application/json": _ACCOUNT})
def read_account(account_id: str) -> ResponseReturnValue:
    """Read the account of a person; it has the person's id."""
    return _account(current_hub().identity.accounts.get(account_id))


@people.patch("/accounts/<account_id>")
@operation(
    "Change an account",
    role=Role.admin,
    tag="people",
    body=_object([], role=_ROLE, disabled={"type": "boolean"}, password=_TEXT),
    content={"application/json": _ACCOUNT},
)
def change_account(account_id: str) -> ResponseReturnValue:
    """Give an account another role or password, disable it, or enable it again."""
    return _account(current_hub().enrolment.amend(account_id, **bodies.members()))


@people.delete("/accounts/<account_id>")
@operation("Delete an account", role=Role.admin, tag="people", answers={204: "deleted with its tokens; the person stays in the graph"})
def delete_account(account_id: str) -> ResponseReturnValue:
    """Delete an account and its tokens."""
    current_hub().identity.accounts.delete(account_id)
    return "", 204


@people.post("/invites")
@operation(
    "Invite somebody",
    role=Role.admin,
    tag="people",
    body=_object([], expires=_TIME),
    content={"application/json": _INVITE},
    answers={201: "the invite; `code` is shown this once and registers one account"},
)
def create_invite() -> ResponseReturnValue:
    """Make an invite code."""
    invite, code = current_hub().identity.invites.create(current_caller(), bodies.time(bodies.members(), "expires"))
    return {**_invite(invite), "code": code}, 201, _SECRET


@people.get("/invites")
@operation("List the invites", role=Role.admin, tag="people", content=_items(_INVITE))
def list_invites() -> ResponseReturnValue:
    """List invites, newest first, without their codes."""
    return {"items": [_invite(invite) for invite in current_hub().identity.invites.list(current_caller())]}


@people.delete("/invites/<invite_id>")
@operation("Withdraw an invite", role=Role.admin, tag="people", answers={204: "the code registers nobody any more"})
def withdraw_invite(invite_id: str) -> ResponseReturnValue:
    """Make an invite code worthless."""
    current_hub().identity.invites.withdraw(current_caller(), invite_id)
    return "", 204


@people.get("/audit")
@operation(
    "Read the audit log",
    role=Role.admin,
    tag="operations",
    query=(
        Parameter("since", "Only entries with a higher number.", type="integer", minimum=0),
        Parameter("before", "Only entries with a lower number; `next` of a page has it.", type="integer", minimum=1),
        Parameter("limit", "Entries a page.", type="integer", minimum=1, maximum=1000),
        Parameter("account", "Only what this account did."),
        Parameter("action", "Only this method and path, such as `POST /api/models`."),
        Parameter("address", "Only what came from this address."),
        Parameter("outcome", "How it ended.", choices=audit.OUTCOMES),
        Parameter("request", "Only the request with this id."),
        Parameter("status", "Only what was answered with this status.", type="integer", minimum=100, maximum=599),
    ),
    content=_items({"type": "object"}),
)
def read_audit() -> ResponseReturnValue:
    """Page through the audit log, newest first."""
    given = arguments()
    page = {name: given[name] for name in ("since", "before") if name in given}
    limit = given.get("limit", 100)
    filters = {name: str(given[name]) for name in audit.FILTERS if name in given}
    entries = current_hub().identity.audit.entries(**page, limit=limit, filters=filters)
    return {"items": [_entry(entry) for entry in entries], **_next(entries, limit)}


def _next(entries: list[Entry], limit: int) -> dict[str, str]:
    if len(entries) < limit or entries[-1].sequence <= 1:
        return {}
    query: dict[str, Any] = {**request.args, "before": entries[-1].sequence}
    return {"next": url_for("people.read_audit", **query)}


def _somebody() -> Caller:
    caller = current_caller()
    caller.require_account()
    return caller


def _token(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "kind": token.kind,
        "name": token.name,
        "owner": token.account,
        "scopes": [scope for scope in SCOPES if scope in token.scopes],
        "created": text(token.created),
        "expires": text(token.expires) if token.expires else None,
        "last_used": text(token.used) if token.used else None,
    }


def _account(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "iri": account.person.value,
        "email": account.email,
        "role": account.role.name,
        "disabled": account.disabled,
        "created": text(account.created),
    }


def _invite(invite: Invite) -> dict[str, Any]:
    return {
        "id": invite.id,
        "by": invite.by,
        "created": text(invite.created),
        "expires": text(invite.expires),
        "used_by": invite.used_by,
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "sequence": entry.sequence,
        "at": text(entry.at),
        "account": entry.account,
        "by": entry.person.value if entry.person else None,
        "token": entry.token,
        "action": entry.action,
        "outcome": entry.outcome,
        "status": entry.status,
        "request": entry.request,
        "address": entry.address,
        **{name: value for name in audit.NUMBERS if (value := getattr(entry, name)) is not None},
    }
