"""Places are bounded, nobody has them all, and who cannot wait is told when to come back."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from server.errors import TooManyRequests
from server.services.turnstile import Turnstile


def test_jobs_run_within_the_places() -> None:
    turnstile, running, most = Turnstile(3, 100, 100), 0, 0
    lock = threading.Lock()

    def job(number: int) -> None:
        nonlocal running, most
        with turnstile.place(f"person {number % 5}", 10):
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.005)
            with lock:
                running -= 1

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(job, range(100)))
    assert (running, most) == (0, 3)


def test_one_person_leaves_a_place_to_others() -> None:
    turnstile = Turnstile(3, 10, 10)
    with turnstile.place("a", 1), turnstile.place("a", 1):
        with pytest.raises(TooManyRequests), turnstile.place("a", 0.05):
            pass
        with turnstile.place("b", 0.05):
            pass


def test_a_single_place_is_for_everybody() -> None:
    with Turnstile(1, 1, 1).place("a", 1):
        pass


@pytest.mark.parametrize(("seats", "each"), [(1, 10), (10, 1)])
def test_too_many_that_wait_are_turned_away_at_once(seats: int, each: int) -> None:
    turnstile = Turnstile(1, seats, each)
    with turnstile.place("a", 1), ThreadPoolExecutor(1) as threads:

        def wait() -> None:
            with turnstile.place("a", 0.5):
                pass

        waiting = threads.submit(wait)
        time.sleep(0.1)
        begin = time.monotonic()
        with pytest.raises(TooManyRequests) as caught, turnstile.place("a", 30):
            pass
        assert time.monotonic() - begin < 0.1
        assert caught.value.retry_after == 30
        assert isinstance(waiting.exception(), TooManyRequests)
    with turnstile.place("a", 0.1):
        pass
