"""`/api/users`: registration and log-in for the clients of the CORDS service."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from server.errors import Unauthenticated
from server.http.auth import current_caller, current_hub
from server.http.bodies import JSON
from server.http.cords.answers import answer, local, somebody
from server.http.cords.forms import Text, filled, schema
from server.http.operations import operation
from server.services.callers import Role
from server.services.users import User

blueprint = Blueprint("cords-users", __name__, url_prefix="/api/users")

_NEW_USER = {
    "email": Text("Email is required.", 4, email=True),
    "password": Text("Email is required.", 4),  # the sentence that clients have always been sent
    "first_name": Text("First name is required."),
    "last_name": Text("Last name is required."),
    "role": Text("Role is required."),
}
_EXAMPLE = {"email": "ada@example.org", "password": "password123", "first_name": "Ada", "last_name": "Example", "role": "ML Engineer"}
_TEXT = {"type": "string"}
_USER = {"type": "object", "properties": dict.fromkeys(("email", "first_name", "last_name", "role", "timestamp", "user_id"), _TEXT)}


@blueprint.post("/register")
@operation(
    "Register",
    role=Role.none,
    tag="CORDS",
    body=schema(_NEW_USER, **_EXAMPLE),
    content={JSON: _USER},
    answers={201: "registered, as a contributor; the role says what the person does and gives no right", 409: "the e-mail has an account"},
    lenient=True,
    description="`invite` may be sent along where registration needs an invitation.",
)
def register() -> ResponseReturnValue:
    """Open an account with its person."""
    given = filled(_NEW_USER)
    name, invite = f"{given['first_name']} {given['last_name']}", given.get("invite")
    account = current_hub().identity.registration.register(
        current_caller(),
        given["email"],
        given["password"],
        name,
        given["role"],
        parts=(given["first_name"], given["last_name"]),
        invite=invite if isinstance(invite, str) else None,
    )
    user: dict[str, Any] = {key: given[key] for key in ("email", "first_name", "last_name", "role")}
    return answer({**user, "user_id": account.id, "timestamp": local(account.created)}, 201)


@blueprint.post("/get-auth-token")
@operation(
    "Log in",
    role=Role.none,
    tag="CORDS",
    content={JSON: {"type": "object", "properties": {"token": _TEXT}}},
    answers={200: "the token; it ends the one before", 401: "no or wrong e-mail and password"},
    lenient=True,
    description="E-mail and password by Basic authentication; there is no body.",
)
def get_auth_token() -> ResponseReturnValue:
    """Issue a token to who sends e-mail and password."""
    caller = current_caller()
    # A token must not become another one: an API key of few scopes would turn into one of all.
    if caller.id is None or caller.token is not None:
        raise Unauthenticated("Send e-mail and password (Authorization: Basic …).")
    response = answer({"token": current_hub().identity.tokens.login(caller.id)})
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/list_users")
@operation(
    "List the users",
    role=Role.reader,
    tag="CORDS",
    content={JSON: {"type": "array", "items": _USER}},
    lenient=True,
    description="The e-mail of a user is shown to that user and to administrators.",
)
def list_users() -> ResponseReturnValue:
    """Answer everybody who has an account."""
    users = [_user(each) for each in current_hub().users.list(somebody())]
    return Response(orjson.dumps(users, option=orjson.OPT_SORT_KEYS), content_type=JSON)


@blueprint.delete("/delete_user/<user_id>")
@operation(
    "Delete a user",
    role=Role.contributor,
    tag="CORDS",
    content={JSON: {"type": "object", "properties": {"status": _TEXT, "message": _TEXT}}},
    answers={200: "the account is deleted", 403: "it is somebody else's, or the last administrator's", 404: "no such user"},
    lenient=True,
    description="Your own account, or as an administrator anybody's. Who created something that is still here stays named as its creator.",
)
def delete_user(user_id: str) -> ResponseReturnValue:
    """Delete an account, and its person where nothing refers to them."""
    current_hub().users.remove(somebody(), user_id)
    return answer({"status": "success", "message": f"User with ID {user_id} removed successfully."})


def _user(user: User) -> dict[str, Any]:
    account = user.account
    names = {"first_name": user.given_name, "last_name": user.family_name, "role": user.position}
    return {**names, "user_id": account.id, "timestamp": local(account.created), **({"email": user.email} if user.email else {})}
