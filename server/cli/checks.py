"""`check`, `check-store` and `reindex`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING

import click

from server.cli.common import open_hub, progress

if TYPE_CHECKING:
    from server.hub import Hub


@click.command()
@click.option("--reasoner", "--reason", "reasoner", is_flag=True, help="Look for contradictions with the ontologies too (HermiT; needs Java).")
@click.pass_context
def check(context: click.Context, reasoner: bool) -> None:
    """Check every thing against its shape and its history, the index against the store, the shapes against the ontologies."""
    with open_hub(context) as hub:
        count = 0
        for problem in _problems(hub, reasoner):
            click.echo(problem)
            count += 1
    if count:
        raise click.ClickException(f"{count} {'problem' if count == 1 else 'problems'} found.")
    click.echo("Everything is well.")


def _problems(hub: Hub, reasoner: bool) -> Iterator[str]:
    from server.graph.ontology import Ontologies
    from server.services import checks

    ontologies = Ontologies.load(hub.settings.ontology)
    found = checks.heads(hub.tools)
    parts: list[Iterable[str]] = [
        checks.check_shapes(hub.registry, ontologies),
        checks.check_log(found, hub.tools.history.last()),
        checks.check_things(hub.tools, progress(found, "things")),
        checks.check_aliases(hub.tools, found),
        checks.check_index(hub.index, found),
    ]
    if reasoner:
        parts.append(checks.check_reason(hub.tools, ontologies, progress(found, "read for the reasoner")))
    return chain.from_iterable(parts)


@click.command()
@click.pass_context
def reindex(context: click.Context) -> None:
    """Build the search index again from the store; the old one answers until the new one is whole."""
    with open_hub(context) as hub:
        hub.indexing.feed.rebuild()
        counts = hub.index.counts()
    for kind, count in sorted(counts.items()):
        click.echo(f"{kind}\t{count}")
    click.echo(f"{sum(counts.values())} things are in the index.")


@click.command()
@click.argument("urls", nargs=-1, required=True, metavar="URL…")
@click.option("--user", default="", help="User name for the server.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def check_store(urls: tuple[str, ...], user: str, password_stdin: bool) -> None:
    """Tell whether a SPARQL 1.1 server is fit to be the hub's store.

    One URL is a dataset in Fuseki's layout; three are where it answers queries, takes updates, and speaks the Graph Store Protocol.
    The dataset has to be empty, and is empty again afterwards.
    """
    from server.store import checks
    from server.store.remote import RemoteStore

    if len(urls) not in (1, 3):
        raise click.UsageError("Give one URL, or three: query, update, graph store.")
    password = sys.stdin.readline().rstrip("\n") if password_stdin else ""
    query, update, graph = urls if len(urls) == 3 else (f"{urls[0].rstrip('/')}/{name}" for name in ("sparql", "update", "data"))
    results = []
    total = 1 + len(checks.REQUIRED) + len(checks.ADVISED)
    with closing(RemoteStore(query, update, graph, user, password)) as store:
        for result in progress(checks.run_checks(store), "check", total, "checks"):
            results.append(result)
            verdict = "ok" if result.passed else "FAILS" if result.required else "advice"
            click.echo(f"{verdict:6} {result.promise}" + (f"\n       seen: {result.detail}" if not result.passed else ""))
    if not checks.fit(results):
        raise click.ClickException("This server is not fit to be the hub's store.")
    click.echo("This server is fit to be the hub's store.")
