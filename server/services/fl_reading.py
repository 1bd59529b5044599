"""What a coordinator and its clients logged to MLflow, read as one federated training with its rounds: pure functions.

There is no agreed way to log federated learning, but the habits are alike: the coordinator's run has a point of each metric for each round, the
steps being the rounds; clients log in runs of their own, below the coordinator's; parameters have the names of the framework's settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from server.clients.tracking import Metric, Run
from server.services.wording import clean

Members = dict[str, Any]

MOST_ROUNDS, MOST_MEASURES = 1000, 5000  # of one training; a measure is one number of one round
_SYSTEM = "system/"
_SETTINGS = {
    "training_rounds": ("training_rounds", "num_rounds", "num_server_rounds", "n_rounds", "rounds", "fl.rounds"),
    "local_epochs": ("local_epochs", "epochs", "num_epochs", "client_epochs"),
    "loss_function": ("loss_function", "loss", "criterion"),
    "aggregation_method": ("aggregation_method", "aggregation", "strategy", "fl.strategy", "aggregator"),
    "aggregation_frequency": ("aggregation_frequency",),
    "num_min_clients": ("num_min_clients", "min_clients", "min_available_clients", "min_fit_clients", "min_train_nodes"),
    "num_max_clients": ("num_max_clients", "max_clients", "num_clients", "num_supernodes", "n_clients"),
    "participation_ratio": ("participation_ratio", "fraction_fit", "fraction_train", "client_fraction"),
}
_WHOLE = ("training_rounds", "local_epochs", "aggregation_frequency", "num_min_clients", "num_max_clients")
_TOOK_PART = ("num_participating_clients", "participating_clients", "num_clients", "clients")
_DROPPED = ("dropped_clients", "num_dropped", "failures", "num_failures")
_CLIENT = ("fl.client", "client_id", "client", "partition_id", "partition-id", "cid")
_DEVICE = ("fl.device", "device_type", "device")
_ROUND = ("fl.round", "server_round", "current_round", "round")
_NUMBERED = re.compile(r"round[^0-9]{0,3}(\d{1,6})(?!\d)", re.IGNORECASE)


@dataclass(frozen=True)
class Client:
    """What one run of a client says: the run as MLflow has it, its id here, and the rounds in which something was measured in it."""

    run: Run
    id: str
    rounds: frozenset[int]

    @property
    def name(self) -> str:
        """The client that it is a run of."""
        return clean(_first(said(self.run), _CLIENT) or self.run.name or self.run.id, 200) or self.run.id


@dataclass(frozen=True)
class Federation:
    """What was logged of one training: the coordinator's run, its id here, every point of its metrics, its clients, and its models by round."""

    run: Run
    id: str
    curves: Mapping[str, Sequence[Metric]]
    clients: Sequence[Client] = ()
    models: Mapping[int, str] = field(default_factory=dict)  # ids here
    final: str | None = None


KEYS = (
    "title", "status", "started", "ended", "training_rounds", "local_epochs", "loss_function", "aggregation", "num_min_clients", "num_max_clients",
    "participation_ratio", "participants", "rounds", "metrics", "recorded_run", "final_model",
)  # fmt: skip
"""What an import says of a training; whatever else somebody has written about it stays."""


def training(found: Federation) -> Members:
    """Describe a training."""
    settings, rounds = _settings(said(found.run)), rounds_of(found)
    method = {key: settings.pop(key) for key in ("aggregation_method", "aggregation_frequency") if key in settings}
    least, most = settings.get("num_min_clients"), settings.get("num_max_clients")
    if least is not None and most is not None and least > most:
        del settings["num_max_clients"]
    return {
        "title": clean(found.run.name, 300) or f"Training {found.run.id}",
        "status": found.run.status if found.run.status in ("SCHEDULED", "RUNNING", "FINISHED", "FAILED", "KILLED") else None,
        "started": _moment(found.run.start),
        "ended": _moment(found.run.end) if found.run.start is None or found.run.end is None or found.run.start <= found.run.end else None,
        **settings,
        "aggregation": method or None,
        "participants": participants(found.clients),
        "rounds": rounds,
        "metrics": [_measure(each) for each in sorted(found.run.metrics, key=lambda metric: metric.key) if _counts(each.key)],
        "recorded_run": found.id,
        "final_model": found.final,
    }


def rounds_of(found: Federation) -> list[Members]:
    """Describe the rounds: what the coordinator measured at each step, and who took part.

    What was measured before the first round is at step 0 where the steps are one more than the rounds that were planned.
    """
    curves = {key: points for key, points in found.curves.items() if _counts(key)}
    steps = sorted({point.step for points in curves.values() for point in points if point.step >= 0} | found.models.keys())
    planned = _settings(said(found.run)).get("training_rounds")
    if steps and steps[0] == 0 and (planned is None or len(steps) > planned):
        steps = steps[1:] or steps
    steps = steps[:MOST_ROUNDS]
    most = max(1, MOST_MEASURES // max(1, len(steps)))
    at: dict[int, dict[str, Metric]] = {step: {} for step in steps}
    for key in sorted(curves):
        for point in curves[key]:
            if point.step in at:
                at[point.step][key] = point
    ends = {step: max((each.timestamp for each in at[step].values() if each.timestamp), default=None) for step in steps}
    starts = {steps[0]: found.run.start} if steps else {}
    starts |= {later: ends[earlier] for earlier, later in pairwise(steps)}
    return [_round(found, step, at[step], (starts[step], ends[step]), most) for step in steps]


def participants(clients: Iterable[Client]) -> list[Members]:
    """Describe who took part: one participant for each client, with the last of its runs."""
    last: dict[str, Client] = {}
    for each in sorted(clients, key=lambda each: (each.run.start.timestamp() if each.run.start else 0.0, each.run.id)):
        last[each.name] = each
    told = []
    for name, each in sorted(last.items()):
        device = clean(_first(said(each.run), _DEVICE), 200)
        told.append({"participant_id": name, "recorded_run": each.id, **({"device_type": device} if device else {})})
    return told


def said(run: Run) -> dict[str, str]:
    """Return what the tags and parameters of a run say, by their names."""
    tags = {tag.key: tag.value for tag in run.tags if tag.value}
    return tags | {param.key: param.value for param in run.params if param.value}


def numbered_round(*texts: str) -> int | None:
    """Read the number of a round out of a name such as Round_5_Client_0."""
    return next((int(found[1]) for text in texts if (found := _NUMBERED.search(text))), None)


def rounds_in(run: Run, points: Sequence[Metric]) -> frozenset[int]:
    """Tell in which rounds a client took part: that which its run names, else the steps at which it measured something."""
    named = _number(_first(said(run), _ROUND))
    return frozenset({int(named)} if named is not None else {each.step for each in points})


def _round(found: Federation, step: int, points: Mapping[str, Metric], times: tuple[datetime | None, datetime | None], most: int) -> Members:
    start, end = times
    took_part = {each.name for each in found.clients if step in each.rounds}
    counted = next((int(points[key].value) for key in _TOOK_PART if key in points and _whole(points[key].value)), len(took_part) or None)
    dropped = next((int(points[key].value) for key in _DROPPED if key in points and _whole(points[key].value)), None)
    measures = [each for key, each in points.items() if key not in (*_TOOK_PART, *_DROPPED)]
    return _present(
        round_id=str(step),
        round_start_time=_moment(start) if start and end and start <= end else None,
        round_end_time=_moment(end),
        num_participating_clients=counted,
        dropped_clients=dropped if dropped is not None and counted is not None and dropped <= counted else None,
        produced_model=found.models.get(step),
        recorded_run=found.id,
        metrics=[_measure(each, step) for each in measures[:most]],
    )


def _settings(given: Mapping[str, str]) -> Members:
    known = {key.lower().replace("-", "_"): value for key, value in given.items()}
    read: Members = {}
    for name, others in _SETTINGS.items():
        text = _first(known, others)
        number = _number(text)
        if name in _WHOLE:
            read |= {name: int(number)} if number is not None and 1 <= number <= 1_000_000 and _whole(number) else {}
        elif name == "participation_ratio":
            read |= {name: number} if number is not None and 0 <= number <= 1 else {}
        elif label := clean(text, 200):
            read[name] = label
    return read


def _first(given: Mapping[str, str], names: Iterable[str]) -> str | None:
    return next((given[name] for name in names if given.get(name)), None)


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def _whole(number: float) -> bool:
    return float(number).is_integer() and number >= 0


def _counts(key: str) -> bool:
    return not key.startswith(_SYSTEM)


def _measure(metric: Metric, step: int | None = None) -> Members:
    at = metric.step if step is None else step
    return {"measure": clean(metric.key, 250), "value": metric.value, **({"step": at} if at else {})}


def _present(**members: Any) -> Members:
    return {key: value for key, value in members.items() if value is not None and value != []}


def _moment(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None
