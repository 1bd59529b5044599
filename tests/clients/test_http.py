"""What a server behind the hub may do, and what the hub makes of it: an answer, or an error that names the server and no secret."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from server.clients.http import Bounds, Outbound
from server.errors import UpstreamTimeout, UpstreamUnavailable
from tests.support.settings import free_port
from tests.support.standin import Said, standing_in

QUICK = Bounds(connect=0.5, read=0.5, total=1.0, bytes=1000, retries=2)


def told(error: pytest.ExceptionInfo[UpstreamUnavailable]) -> str:
    return error.value.detail


def test_an_answer_is_read_with_its_status_type_and_json() -> None:
    with standing_in(lambda path: Said(b'{"a": 1}', 201)) as server:
        reply = Outbound("Thing", server.url + "/base/", bounds=QUICK).get("some/path", {"q": "a b&c"})
    assert (reply.status, reply.media_type, reply.json()) == (201, "application/json", {"a": 1})
    assert server.paths in (["/base/some/path?q=a+b%26c"], ["/base/some/path?q=a%20b%26c"])


def test_a_path_is_sent_as_a_path_whatever_it_holds() -> None:
    with standing_in(lambda path: Said()) as server:
        Outbound("Thing", server.url).get("/a b/ü?x#y%2f")
    assert server.paths == ["/a%20b/%C3%BC%3Fx%23y%252f"]


@pytest.mark.parametrize(
    ("credentials", "sent"),
    [({}, None), ({"token": "t0ken"}, "Bearer t0ken"), ({"user": "me", "password": "pa:ss"}, "Basic bWU6cGE6c3M=")],
)
def test_credentials_are_sent_as_the_server_wants_them(credentials: dict[str, str], sent: str | None) -> None:
    with standing_in(lambda path: Said()) as server:
        Outbound("Thing", server.url, **credentials).get("x")  # type: ignore[arg-type]
    assert server.headers[0].get("Authorization") == sent


def test_nobody_there_is_said_at_once_with_the_address_and_without_secrets() -> None:
    port = free_port()
    with pytest.raises(UpstreamUnavailable) as error:
        Outbound("Thing", f"http://127.0.0.1:{port}", token="t0psecret", bounds=QUICK).get("x")
    assert not isinstance(error.value, UpstreamTimeout)
    assert f"Thing at http://127.0.0.1:{port} cannot be reached" in told(error)
    assert "t0psecret" not in repr(error.value)


@pytest.mark.parametrize(
    "said", [Said(after=3.0), Said(b"x" * 100, pieces=100, between=0.2), Said(b"xy", pieces=2, between=3.0)], ids=["silent", "dripping", "stalling"]
)
def test_a_slow_server_is_given_up_in_time(said: Said) -> None:
    started = time.monotonic()
    with standing_in(lambda path: said) as server, pytest.raises(UpstreamTimeout, match="did not answer in time"):
        Outbound("Thing", server.url, bounds=QUICK).get("x")
    assert time.monotonic() - started < 2.5


def test_calls_within_a_time_share_it() -> None:
    with standing_in(lambda path: Said(after=0.2)) as server:
        view = Outbound("Thing", server.url, bounds=Bounds(read=5.0)).within(0.5)
        view.get("x")
        with pytest.raises(UpstreamTimeout):
            for _ in range(5):
                view.get("x")
        assert Outbound("Thing", server.url).get("x").status == 200


def test_a_busy_server_is_asked_again_and_then_taken_at_its_word() -> None:
    statuses = iter([503, 200, 502, 502, 502, 502])
    with standing_in(lambda path: Said(status=next(statuses))) as server:
        outbound = Outbound("Thing", server.url, bounds=QUICK)
        assert outbound.get("x").status == 200
        assert outbound.get("x").status == 502
    assert len(server.paths) == 5


def test_a_large_answer_is_not_read_to_its_end() -> None:
    with standing_in(lambda path: Said(b"x" * 10_000)) as server, pytest.raises(UpstreamUnavailable, match="more than 1000 bytes"):
        Outbound("Thing", server.url, bounds=QUICK).get("x")


def test_an_answer_that_is_no_json_is_an_error_of_the_server() -> None:
    with standing_in(lambda path: Said(b"<html>")) as server, pytest.raises(UpstreamUnavailable, match="answered 200 with something that is no JSON"):
        Outbound("Thing", server.url).get("x").json()


def redirecting(target: Callable[[str], str]) -> Callable[[str], Said]:
    return lambda path: Said(b"there") if path == "/there" else Said(status=302, headers={"Location": target(path)})


def test_redirects_are_followed_on_the_same_host_only() -> None:
    with standing_in(redirecting(lambda path: "/there")) as server:
        assert Outbound("Thing", server.url).get("x").body == b"there"
    with standing_in(lambda path: Said()) as other:
        elsewhere = other.url.replace("127.0.0.1", "localhost") + "/there"
        with standing_in(redirecting(lambda path: elsewhere)) as server, pytest.raises(UpstreamUnavailable, match="redirects to another host"):
            Outbound("Thing", server.url, token="t").get("x")
        assert other.paths == []


def test_redirects_in_circles_end() -> None:
    with standing_in(redirecting(lambda path: path)) as server, pytest.raises(UpstreamUnavailable, match="in circles"):
        Outbound("Thing", server.url).get("x")
    assert len(server.paths) == 4


def test_a_certificate_that_cannot_be_verified_is_refused() -> None:
    with standing_in(lambda path: Said()) as server, pytest.raises(UpstreamUnavailable):
        Outbound("Thing", server.url.replace("http:", "https:"), bounds=QUICK).get("x")
    assert server.paths == []


def test_an_ipv6_address_is_named_as_one() -> None:
    assert Outbound("Thing", "http://[::1]:8080/").name == "Thing at http://[::1]:8080"


def test_a_connection_can_be_closed() -> None:
    with standing_in(lambda path: Said()) as server:
        outbound = Outbound("Thing", server.url)
        outbound.get("x")
        outbound.close()
        assert outbound.get("x").status == 200
