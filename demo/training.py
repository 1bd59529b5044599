"""Train a small model and log it to MLflow, as its users do: parameters, metrics, dataset, signature and tags."""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import dataclass

from demo.processes import QUIET

PARAMETERS = {"C": 0.5, "max_iter": 500, "solver": "lbfgs"}
ALGORITHM = "logistic regression"
SOURCE = "https://archive.ics.uci.edu/dataset/109/wine"


@dataclass(frozen=True)
class Trained:
    """What was logged: the run, where the model lies, and the numbers that were measured."""

    run: str
    location: str
    metrics: dict[str, float]


def train(tracking: str) -> Trained:
    """Train a classifier of wines and log it to the tracking server."""
    os.environ.update(QUIET)
    import mlflow
    import mlflow.sklearn
    from sklearn.datasets import load_wine
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, f1_score
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", "Hint: Inferred schema contains integer", UserWarning)
    mlflow.set_tracking_uri(tracking)
    mlflow.set_experiment("wine")
    wine = load_wine(as_frame=True)
    x, x_test, y, y_test = train_test_split(wine.data, wine.target, test_size=0.3, random_state=6, stratify=wine.target)
    with mlflow.start_run(run_name="wine, logistic regression") as run:
        model = make_pipeline(StandardScaler(), LogisticRegression(**PARAMETERS)).fit(x, y)
        predicted = model.predict(x_test)
        metrics = {"test_accuracy": float(accuracy_score(y_test, predicted)), "test_f1": float(f1_score(y_test, predicted, average="macro"))}
        mlflow.log_params(PARAMETERS)
        mlflow.log_metrics(metrics)
        frame = x.assign(target=y)
        mlflow.log_input(mlflow.data.from_pandas(frame, source=SOURCE, name="wine", targets="target"), context="training")
        mlflow.set_tags(
            {
                "cords.Run": run.info.run_id,
                "cords.Run.executes": "sklearn.linear_model.LogisticRegression",
                "cords.Algorithm": ALGORITHM,
                "cords.Implementation": "python",
                "cords.Software": "scikit-learn",
                "team": "demonstration",
            }
        )
        signature = mlflow.models.infer_signature(x, predicted)
        logged = mlflow.sklearn.log_model(model, name="wine-classifier", signature=signature)
        return Trained(run.info.run_id, mlflow.get_logged_model(logged.model_id).artifact_location, metrics)
