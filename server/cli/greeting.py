"""What the hub says when it starts: its address, three things to try, and once the administrator's credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from server.settings import Settings

if TYPE_CHECKING:
    from server.hub import Hub


def address(settings: Settings) -> str:
    """Write the address that people open."""
    local = settings.loopback or settings.host in {"0.0.0.0", "::"}  # noqa: S104  # compared, not listened on
    return f"http://{'localhost' if local else settings.host}:{settings.port}/"


def greet(hub: Hub, *, sample: bool, aloud: bool) -> None:
    """Make the first administrator, load the sample catalogue into an empty store if asked, and say what to do next."""
    from server.services.samples import load_catalogue

    loaded = load_catalogue(hub.assets) if sample else 0
    first = hub.identity.registration.ensure_administrator(hub.identity.tokens)
    if aloud:
        click.echo("\n".join(lines(address(hub.settings), first, loaded)))


def lines(url: str, first: tuple[str, str, str] | None, loaded: int) -> list[str]:
    """Write the greeting; the credentials stand alone on their lines, so that scripts can read them."""
    said = [f"CORDS Hub listens on {url}"]
    if loaded:
        said.append(f"The sample catalogue was loaded: {loaded} things.")
    said += [
        "Three things to try:",
        f"  curl {url}api/models",
        f"  curl {url}sparql --data-urlencode 'query=SELECT ?thing ?title WHERE {{ ?thing <http://purl.org/dc/terms/title> ?title }} LIMIT 10'",
        f"  open {url}docs in a browser",
    ]
    if first:
        said.append("First start; these are shown once:")
        said += [f"administrator {name}: {value}" for name, value in zip(("e-mail", "password", "token"), first, strict=True)]
    return said
