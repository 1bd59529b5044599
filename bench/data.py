"""Invented models, the same ones for every run: each is thirty triples, with a reference, shared nodes and a part."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from typing import Any

import orjson

TRIPLES = 30  # that a model is, stored by somebody who has an account
KEYWORDS = 20
WORDS = 400
_WORDS_EACH = 8  # of the description: each word is in one model of fifty
_LICENSES = ("MIT", "Apache-2.0", "BSD-3-Clause", "CC-BY-4.0", "EUPL-1.2")
_ALGORITHMS = ("gradient boosting", "LSTM", "U-Net", "random forest", "transformer", "logistic regression", "ARIMA", "k-means")
_TASKS = ("classification", "regression", "segmentation", "forecasting")
_FRAMEWORKS = ("sklearn", "pytorch", "tensorflow", "xgboost", "onnx")


def identifier(what: str, number: int) -> str:
    """Give a thing's id, which follows from what it is and its number."""
    return hashlib.sha256(f"{what} {number}".encode()).hexdigest()


def keyword(number: int) -> str:
    """Name a keyword; a model has three of the `KEYWORDS`."""
    return f"subject{number:02d}"


def word(number: int) -> str:
    """Name a word; every one of the `WORDS` is in the descriptions of two models in a hundred."""
    return f"term{number:03d}"


def dataset() -> dict[str, Any]:
    """Describe the dataset that all models refer to."""
    return {"id": identifier("dataset", 0), "title": "Readings", "description": "What all models were trained on."}


def model(number: int, what: str = "model") -> dict[str, Any]:
    """Describe a model; its values follow from its number, its id from that and `what`."""
    chance = random.Random(number)
    text = " ".join(word(each) for each in chance.sample(range(WORDS), _WORDS_EACH))
    return {
        "id": identifier(what, number),
        "title": f"Model {number} of series {chance.randrange(1000)}",
        "description": f"Says {text} of what it is given.",
        "keywords": [keyword(each) for each in chance.sample(range(KEYWORDS), 3)],
        "version": f"1.{number % 7}",
        "license": chance.choice(_LICENSES),
        "task": chance.choice(_TASKS),
        "algorithm": chance.choice(_ALGORITHMS),
        "framework": chance.choice(_FRAMEWORKS),
        "flavors": ["python_function"],
        "lifecycle": "Completed",
        "inputs": [{"index": 0, "name": "reading", "datatype": "double", "required": True}],
        "location": f"s3://models.example/{number}/model",
        "trained_on": [f"id/datasets/{identifier('dataset', 0)}"],
    }


def lines(first: int, last: int) -> Iterator[bytes]:
    """Write models as lines of NDJSON."""
    return (orjson.dumps(model(number), option=orjson.OPT_APPEND_NEWLINE) for number in range(first, last))
