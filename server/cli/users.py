"""`users`: accounts from the command line, for whoever has access to this machine."""

from __future__ import annotations

import secrets
import sys

import click

from server.cli.common import open_hub
from server.errors import NotFound
from server.services.accounts import Account, Accounts
from server.services.callers import SYSTEM, Role

ROLES = [role.name for role in Role if role is not Role.none]


@click.group()
def users() -> None:
    """Add and list accounts, give roles, shut people out."""


@users.command("list")
@click.pass_context
def list_users(context: click.Context) -> None:
    """List the accounts: e-mail, role, id, and whether they may log in."""
    with open_hub(context) as hub:
        for account in hub.identity.accounts.list():
            click.echo("\t".join((account.email, account.role.name, account.id, "disabled" if account.disabled else "enabled")))


@users.command()
@click.argument("email")
@click.option("--name", help="Name shown in the catalogue; the part of the e-mail before @ if left out.")
@click.option("--role", type=click.Choice(ROLES), default=Role.contributor.name, show_default=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; else one is made and printed.")
@click.pass_context
def add(context: click.Context, email: str, name: str | None, role: str, password_stdin: bool) -> None:
    """Add an account with its person."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else secrets.token_urlsafe(15)
    with open_hub(context) as hub:
        account = hub.identity.registration.register(SYSTEM, email, password, name or email.partition("@")[0], role=Role[role])
        click.echo(f"e-mail: {account.email}\nrole: {account.role.name}\nid: {account.id}")
        if not password_stdin:
            click.echo(f"password: {password}")


@users.command()
@click.argument("email")
@click.argument("role", type=click.Choice(ROLES))
@click.pass_context
def role(context: click.Context, email: str, role: str) -> None:
    """Give an account a role."""
    with open_hub(context) as hub:
        account = hub.identity.accounts.set_role(_find(hub.identity.accounts, email).id, Role[role])
        click.echo(f"{account.email} is {account.role.name} now.")


@users.command()
@click.argument("email")
@click.option("--undo", is_flag=True, help="Let the account in again.")
@click.pass_context
def disable(context: click.Context, email: str, undo: bool) -> None:
    """Refuse an account's password and tokens from now on; what it made stays."""
    with open_hub(context) as hub:
        accounts = hub.identity.accounts
        change = accounts.enable if undo else accounts.disable
        account = change(_find(accounts, email).id)
        click.echo(f"{account.email} is {'disabled' if account.disabled else 'enabled'} now.")


def _find(accounts: Accounts, email: str) -> Account:
    if account := accounts.by_email(email):
        return account
    raise NotFound(f"There is no account with the e-mail {email}.")
