"""The main job: from a model that MLflow has to an answer in SPARQL. Ends with 1 where anything is not as it should be."""

from __future__ import annotations

import base64
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from demo.calls import Calls, Unexpected, expect
from demo.processes import NotStarted, hub, mlflow_server
from demo.training import ALGORITHM, PARAMETERS, Trained, train

PERSON = {"email": "ada@example.org", "password": "a long sentence", "first_name": "Ada", "last_name": "Example", "role": "data scientist"}
QUERY = """
PREFIX mls: <http://www.w3.org/ns/mls#>  PREFIX dct: <http://purl.org/dc/terms/>
PREFIX prov: <http://www.w3.org/ns/prov#>  PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
SELECT ?model ?title ?accuracy WHERE {
  ?model a mls:Model ; dct:title ?title ; prov:wasGeneratedBy ?run .
  ?run mls:realizes/rdfs:label "logistic regression" ; mls:hasOutput ?evaluation .
  ?evaluation mls:specifiedBy/rdfs:label "test_accuracy" ; mls:hasValue ?accuracy
  FILTER (?accuracy > 0.8)
}"""


def main() -> int:
    """Run the demonstration in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="hub-demo-") as name:
        folder = Path(name)
        try:
            print("Starting MLflow; the first time takes up to half a minute.", flush=True)
            with mlflow_server(folder) as tracking:
                print(f"MLflow is at {tracking}. Training a model and logging it …", flush=True)
                trained = train(tracking)
                print(f"Run {trained.run}, model {trained.location}, {trained.metrics}", flush=True)
                with hub(folder, HUB_MLFLOW_URI=tracking) as url:
                    print(f"The hub is at {url}.")
                    tour(Calls(url), trained)
        except (NotStarted, Unexpected) as error:
            print(f"\nThe demonstration failed: {error}\n{said(folder / 'server.log')}", file=sys.stderr)
            return 1
    print("\nEvery answer was as it should be.")
    return 0


def said(log: Path) -> str:
    """Return the last lines of a log, where there is one."""
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-20:]) if log.exists() else ""


def tour(calls: Calls, trained: Trained) -> None:
    """Go through the main job over HTTP alone."""
    bearer = log_in(calls)
    model_id = add(calls, trained, bearer)
    describe(calls, trained, model_id, bearer)
    read(calls, trained, model_id)
    mirror(calls, model_id, bearer)
    ask(calls, trained, model_id)


def log_in(calls: Calls) -> dict[str, str]:
    """Register, and get a token for the calls that follow."""
    user = calls.json("Register", "POST", "/api/users/register", 201, body=PERSON)
    expect("password" not in user and len(user["user_id"]) == 64, "the answer to a registration has an id and no password")
    basic = base64.b64encode(f"{PERSON['email']}:{PERSON['password']}".encode()).decode()
    token = calls.json("Get a token", "POST", "/api/users/get-auth-token", 200, Authorization=f"Basic {basic}")["token"]
    expect(len(token) == 43, "a token has 43 characters")
    return {"Authorization": f"Bearer {token}"}


def add(calls: Calls, trained: Trained, bearer: dict[str, str]) -> str:
    """Add the model by its location in MLflow, and read it back."""
    body = {"name": "Wine classifier", "version": "1.0", "description": "Tells three wines apart.", "ml_flow_model_path": trained.location}
    added = calls.json("Add the model", "POST", "/api/ml_models/add_model", 201, body=body, **bearer)
    read = calls.json("Read it", "GET", f"/api/ml_models/get_model/{added['model_id']}", 200, **bearer)
    expect(read == added and body.items() <= read.items(), "what is read is what was added")
    return str(added["model_id"])


def describe(calls: Calls, trained: Trained, model_id: str, bearer: dict[str, str]) -> None:
    """Have the semantic description made from the run, its metrics and its tags."""
    found = calls.json("Describe it in RDF", "GET", f"/api/ml_models/generate_semantics/{model_id}", 200, **bearer)
    nodes = found["semantics"]["cords:mlmetadata"]
    measured = {node["mls:specifiedBy"]["@value"]: node["mls:hasValue"]["@value"] for node in nodes if node["@type"] == "mls:ModelEvaluation"}
    expect(found["model_id"] == model_id and len(found["semantics"]["@context"]) == 7, "the description is that of the model, with seven prefixes")
    expect(measured == {name: str(value) for name, value in trained.metrics.items()}, "it has the metrics that were logged")
    named = {node["@id"].partition("#")[2] for node in nodes if node["@type"] in ("mls:Run", "mls:Software")}
    expect(named == {trained.run, "scikit-learn"}, "it has what the tags say")


def read(calls: Calls, trained: Trained, model_id: str) -> None:
    """Read the same model, its run and its dataset as JSON and Turtle."""
    model = calls.json("The same model in the hub's own interface", "GET", f"/api/models/{model_id}", 200)
    expect(model["framework"] == "sklearn" and len(model["inputs"]) == 13, "the model has its framework and signature")
    run = calls.json("The run that made it", "GET", _document(model["run"]), 200)
    metrics = {each["measure"]["label"]: each["value"] for each in run["metrics"]}
    expect(metrics == trained.metrics, "the run has the metrics that were logged")
    parameters = {each["parameter"]["label"]: each["value"] for each in run["parameters"]}
    expect(parameters == {name: str(value) for name, value in PARAMETERS.items()}, "the run has the parameters that were logged")
    expect(run["algorithm"]["label"] == ALGORITHM and run["status"] == "FINISHED", "the run has its algorithm and has ended")
    dataset = calls.json("The dataset that it was trained on", "GET", _document(model["trained_on"][0]), 200)
    expect(dataset["title"] == "wine" and run["datasets"] == [dataset["iri"]], "the run and the model name the dataset")
    turtle = calls.send("The model as Turtle", "GET", f"/api/models/{model_id}", 200, Accept="text/turtle")
    expect(f"prov:wasGeneratedBy <{model['run']}>" in turtle, "the Turtle says which run made the model")
    turtle = calls.send("The run as Turtle", "GET", _document(model["run"]), 200, Accept="text/turtle")
    expect("mls:hasOutput" in turtle and "mls:HyperParameterSetting" in turtle, "the Turtle has metrics and parameters")


def mirror(calls: Calls, model_id: str, bearer: dict[str, str]) -> None:
    """Import the whole experiment: what is here already stays as it is."""
    found = calls.json("Import the experiment", "POST", "/api/mlflow/import", 200, body={"experiment": "wine"}, **bearer)
    expect(found["counts"] == {"unchanged": 2}, "the run and its model say the same already")
    expect({each["kind"]: each["id"] for each in found["items"]}["models"] == model_id, "the model that was added is the one that MLflow has")


def ask(calls: Calls, trained: Trained, model_id: str) -> None:
    """Find the model by its metric and its algorithm."""
    accept = "application/sparql-results+json"
    found: Any = calls.json("Find it by metric and algorithm", "POST", "/sparql", 200, fields={"query": QUERY}, Accept=accept)
    rows = found["results"]["bindings"]
    expect([row["model"]["value"].rpartition("/")[2] for row in rows] == [model_id], "the query finds the model and nothing else")
    expect(float(rows[0]["accuracy"]["value"]) == trained.metrics["test_accuracy"], "the query answers the accuracy that was logged")


def _document(iri: str) -> str:
    """Return the path of the document that describes a thing."""
    return urlsplit(iri).path.replace("/id/", "/api/", 1)


if __name__ == "__main__":
    sys.exit(main())
