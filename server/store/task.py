"""A task for a process of its own: JSON in, JSON out, ended when its time is up."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import orjson

from server.errors import QueryLimit, QueryTimeout


def run_task(module: str, task: dict[str, Any], seconds: float, *, what: str, remedy: str = "") -> dict[str, Any]:
    """Run one of our modules on a task and return its answer; `what` names the work and `remedy` what to change, for the errors.

    Raises `QueryTimeout` where it took too long, `QueryLimit` where the process was ended or failed.
    """
    try:
        done = subprocess.run([sys.executable, "-m", module], input=orjson.dumps(task), capture_output=True, timeout=seconds, check=False)  # noqa: S603  # our own module
    except subprocess.TimeoutExpired as error:
        raise QueryTimeout(f"The {what} took more than {seconds:g} seconds and was ended{remedy}.") from error
    if done.returncode:
        raise QueryLimit(f"The {what} needs too much memory or nests too deeply, and was ended.")
    answer: dict[str, Any] = orjson.loads(done.stdout)
    return answer
