"""How a hub stops: told to, it ends what runs; killed, it begins again with all that it acknowledged."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import urllib3

from tests.support.load import Load, listed
from tests.support.proofs import opened, wrong_with
from tests.support.server import RunningHub, running_hub

ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n0 ?o }"
NDJSON = {"Content-Type": "application/x-ndjson"}
LINES = 1_200
LINE = b'{"title": "streamed %d", "description": "' + b"x" * 640 + b'"}\n'  # a hundred of them are more than the hub reads at once


def stream(hub: RunningHub, lines: int | None, pause: float) -> list[dict[str, object]]:
    """Send a bulk stream slowly, one group of lines after another, and return the results that came."""

    def body() -> Iterator[bytes]:
        sent = 0
        while lines is None or sent < lines:
            yield b"".join(LINE % number for number in range(sent, sent + 100))
            sent += 100
            time.sleep(pause)

    results: list[dict[str, object]] = []
    try:
        answer = hub.request("POST", "/api/models/bulk", body=body(), headers=NDJSON, preload_content=False)
        for line in answer:
            results.append(json.loads(line))
    except (urllib3.exceptions.HTTPError, ValueError):
        return results  # cut, within a line it may be
    return results


def check_next_start(data: Path, where: dict[str, str], acknowledged: set[str]) -> None:
    """See that the next hub finds nothing to mend, and all that was acknowledged whole."""
    with running_hub(data, **where) as hub:
        assert acknowledged <= listed(hub, "id")
        told = hub.output
    assert "Traceback" not in told and "replayed" not in told and "built anew" not in told, told
    with opened(data, **where) as (hub_here, heads):
        assert wrong_with(hub_here, heads) == []


@pytest.mark.slow
def test_what_runs_ends_when_the_hub_is_told_to_stop(where: dict[str, str], tmp_path: Path) -> None:
    """A query that runs into its limit, a slow bulk stream and writes are all answered in full."""
    with running_hub(tmp_path, HUB_QUERY_SECONDS="3", **where) as hub, ThreadPoolExecutor(2) as threads:
        with Load(hub) as load:
            load.wait(8)
            query = threads.submit(hub.request, "POST", "/sparql", fields={"query": ENDLESS}, encode_multipart=False)
            results = threads.submit(stream, hub, LINES, 0.15)
            time.sleep(1)
            begun = time.monotonic()
            assert hub.terminate() == 0
            took = time.monotonic() - begun
        assert (query.result().status, query.result().json()["type"]) == (408, "/errors/query-timeout")
        assert [each["status"] for each in results.result()] == [201] * LINES
        assert took < 25, "nothing had to be cut: HUB_STOP_SECONDS is 30"
        assert load.refused == []
    streamed = {str(each["id"]) for each in results.result()}
    check_next_start(tmp_path, where, load.acknowledged | streamed)


def test_what_does_not_end_is_cut_in_time(where: dict[str, str], tmp_path: Path) -> None:
    """A stream without end is cut after HUB_STOP_SECONDS, between two groups or within one that then is not there at all."""
    with running_hub(tmp_path, HUB_STOP_SECONDS="2", **where) as hub, ThreadPoolExecutor(1) as threads:
        results = threads.submit(stream, hub, None, 0.2)
        time.sleep(2.5)
        begun = time.monotonic()
        assert hub.terminate() == 0
        assert 1 < time.monotonic() - begun < 12
        acknowledged = {str(each["id"]) for each in results.result() if each["status"] == 201}
    assert acknowledged
    with opened(tmp_path, **where) as (hub_here, heads):
        assert wrong_with(hub_here, heads) == []
        assert acknowledged <= {head.id for head in heads}


def test_a_killed_hub_begins_again_with_all_that_it_acknowledged(where: dict[str, str], tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    for _ in range(3):
        with running_hub(tmp_path, **where) as hub:
            assert acknowledged <= listed(hub, "id")
            with Load(hub) as load:
                load.wait(15)
                hub.kill()
            acknowledged |= load.acknowledged
    with opened(tmp_path, **where) as (hub_here, heads):
        assert wrong_with(hub_here, heads) == []
        assert acknowledged <= {head.id for head in heads}


def test_a_process_that_dies_is_replaced(where: dict[str, str], tmp_path: Path) -> None:
    """The kernel may end the one that serves, for want of memory; the one that watches it starts another."""
    with running_hub(tmp_path, **where) as hub:
        with Load(hub) as load:
            load.wait(8)
            os.kill(serving(hub), signal.SIGKILL)
        hub.wait("/ready")
        assert load.acknowledged <= listed(hub, "id")
        with Load(hub) as again:
            again.wait(4)
        assert again.refused == []
        assert hub.terminate() == 0


def serving(hub: RunningHub) -> int:
    """Find the process that answers requests: the child that has the hub's name."""
    children = Path(f"/proc/{hub.process.pid}/task/{hub.process.pid}/children").read_text().split()
    return next(int(each) for each in children if b"resource_tracker" not in Path(f"/proc/{each}/cmdline").read_bytes())
