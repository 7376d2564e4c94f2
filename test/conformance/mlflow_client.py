"""MLflow's own Python client, unmodified: tracks an experiment and loads the champion from the registry."""

import os
import pathlib
import tempfile
import uuid

import mlflow
import mlflow.onnx
import mlflow.pyfunc
import numpy
import onnxruntime
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunStatus, RunTag, ViewType
from mlflow.exceptions import MlflowException

from checks import Checks, equal, raised

mlflow.set_tracking_uri(os.environ["FLYWHEEL_URL"])
model = os.environ.get("FLYWHEEL_MODEL", "flight-delay")
alias = os.environ.get("FLYWHEEL_MODEL_ALIAS", "champion")

checks = Checks()
client = MlflowClient()
name = f"conformance-{uuid.uuid4().hex[:12]}"
temporary = tempfile.TemporaryDirectory(prefix="flywheel-")
files = pathlib.Path(temporary.name)


def error_of(call):
    return raised(call, MlflowException).error_code


def new_experiment():
    experiment = mlflow.set_experiment(name)
    equal(experiment.name, name)
    equal(mlflow.set_experiment(name).experiment_id, experiment.experiment_id)
    return equal(client.get_experiment_by_name(name).experiment_id, experiment.experiment_id)


def fluent_run():
    with mlflow.start_run(run_name="first") as run:
        mlflow.log_params({"depth": 3, "rate": 0.1})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"auc": 0.71, "brier": 0.2}, step=4)
        mlflow.set_tag("kind", "trial")
        mlflow.log_text("hello", "notes/hello.txt")
        mlflow.log_dict({"a": [1, 2]}, "config.json")
    return run.info.run_id


def run_reads_back():
    run = client.get_run(run_id)
    equal(run.info.status, "FINISHED")
    equal(run.info.run_name, "first")
    equal(run.data.params, {"depth": "3", "rate": "0.1"})
    equal(run.data.metrics, {"loss": 0.2, "auc": 0.71, "brier": 0.2})
    equal(run.data.tags["kind"], "trial")
    return run.info.end_time >= run.info.start_time


def history_is_whole():
    history = client.get_metric_history(run_id, "loss")
    return equal([(m.step, m.value) for m in history], [(s, 1 / (s + 1)) for s in range(5)])


def artifacts_come_back():
    payload = os.urandom(1_500_000)
    (files / "weights.bin").write_bytes(payload)
    client.log_artifact(run_id, str(files / "weights.bin"), "binary")
    equal(sorted(f.path for f in client.list_artifacts(run_id)), ["binary", "config.json", "notes"])
    listed = client.list_artifacts(run_id, "binary")
    equal([(f.path, f.file_size, f.is_dir) for f in listed], [("binary/weights.bin", len(payload), False)])
    whole = pathlib.Path(client.download_artifacts(run_id, ""))
    equal((whole / "notes" / "hello.txt").read_text(), "hello")
    return (whole / "binary" / "weights.bin").read_bytes() == payload


def nested_run():
    with mlflow.start_run(run_name="parent") as parent:
        with mlflow.start_run(run_name="child", nested=True) as child:
            mlflow.log_metric("auc", 0.6)
    return equal(client.get_run(child.info.run_id).data.tags["mlflow.parentRunId"], parent.info.run_id)


def batch_of_the_largest_size():
    run = client.create_run(experiment_id)
    metrics = [Metric("m", float(step), 1_700_000_000_000 + step, step) for step in range(900)]
    params = [Param(f"p{n}", str(n)) for n in range(90)]
    client.log_batch(run.info.run_id, metrics=metrics, params=params, tags=[RunTag("t", "1")])
    client.set_terminated(run.info.run_id, RunStatus.to_string(RunStatus.FAILED))
    read = client.get_run(run.info.run_id)
    equal((len(read.data.params), read.data.metrics["m"], read.info.status), (90, 899.0, "FAILED"))
    return equal(len(client.get_metric_history(run.info.run_id, "m")), 900)


def search_finds_it():
    found = client.search_runs([experiment_id], "metrics.auc > 0.7 and params.depth = '3' and tags.kind = 'trial'")
    return equal([run.info.run_id for run in found], [run_id])


def search_orders_and_pages():
    first = client.search_runs([experiment_id], order_by=["metrics.auc DESC"], max_results=1)
    equal(first[0].info.run_id, run_id)
    second = client.search_runs([experiment_id], order_by=["metrics.auc DESC"], max_results=1, page_token=first.token)
    return equal(second[0].data.metrics["auc"], 0.6)


def search_as_a_table():
    table = mlflow.search_runs([experiment_id], filter_string="params.depth = '3'")
    return equal((len(table), table["metrics.auc"][0]), (1, 0.71))


def deleted_and_restored():
    client.delete_run(run_id)
    equal(client.search_runs([experiment_id], "params.depth = '3'"), [])
    deleted = client.search_runs([experiment_id], "params.depth = '3'", ViewType.DELETED_ONLY)
    equal([run.info.run_id for run in deleted], [run_id])
    client.restore_run(run_id)
    return equal(len(client.search_runs([experiment_id], "params.depth = '3'")), 1)


def params_do_not_change():
    client.log_param(run_id, "depth", 3)
    return equal(error_of(lambda: client.log_param(run_id, "depth", 4)), "INVALID_PARAMETER_VALUE")


def the_champion():
    version = client.get_model_version_by_alias(model, alias)
    equal(version.name, model)
    names = [registered.name for registered in client.search_registered_models()]
    equal(model in names, True)
    versions = [v.version for v in client.search_model_versions(f"name='{model}'")]
    equal(version.version in versions, True)
    return version


def example_rows(signature, count=8):
    """Rows of the types that the model's signature asks for."""
    import pandas

    random = numpy.random.default_rng(1)
    columns = {}
    for column in signature.inputs.inputs:
        kind = column.type.to_numpy()
        if kind == numpy.dtype(object) or kind.kind in "US":
            columns[column.name] = ["ORD"] * count
        else:
            columns[column.name] = random.uniform(0, 10, count).astype(kind)
    return pandas.DataFrame(columns)


def inputs_of(loaded):
    signature = loaded.metadata.signature
    if signature.inputs.is_tensor_spec():
        random = numpy.random.default_rng(1)
        tensors = {}
        for spec in signature.inputs.inputs:
            shape = [8 if size == -1 else size for size in spec.shape]
            tensors[spec.name] = random.uniform(0, 10, shape).astype(spec.type)
        unnamed = len(tensors) == 1 and None in tensors
        return tensors[None] if unnamed else tensors
    return example_rows(signature)


def champion_predicts():
    loaded = mlflow.pyfunc.load_model(f"models:/{model}@{alias}")
    answer = loaded.predict(inputs_of(loaded))
    values = answer if isinstance(answer, dict) else {c: answer[c] for c in getattr(answer, "columns", [])} or {"0": answer}
    equal(all(len(numpy.asarray(value)) == 8 for value in values.values()), True)
    return loaded


def champion_is_the_same_by_number():
    version = client.get_model_version_by_alias(model, alias).version
    by_alias = mlflow.onnx.load_model(f"models:/{model}@{alias}")
    by_number = mlflow.onnx.load_model(f"models:/{model}/{version}")
    return equal(by_alias.SerializeToString() == by_number.SerializeToString(), True)


def onnx_runs_elsewhere():
    loaded = mlflow.onnx.load_model(f"models:/{model}@{alias}")
    session = onnxruntime.InferenceSession(loaded.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {}
    for wanted in session.get_inputs():
        shape = [4 if not isinstance(size, int) else size for size in wanted.shape]
        kind = {"tensor(float)": numpy.float32, "tensor(double)": numpy.float64}.get(wanted.type, numpy.int64)
        feeds[wanted.name] = numpy.ones(shape, dtype=kind)
    outputs = [output for output in session.run(None, feeds) if getattr(output, "dtype", None) in (numpy.float32, numpy.float64)]
    equal(len(outputs) > 0, True)
    return all(bool(numpy.isfinite(output).all()) for output in outputs)


experiment_id = checks.that("an experiment is created and found again", new_experiment)
run_id = checks.that("a run with params, metrics, tags and artifacts is logged", fluent_run)
checks.that("the run reads back as it was logged", run_reads_back)
checks.that("the history of a metric is whole and in order", history_is_whole)
checks.that("artifacts are listed and come back byte by byte", artifacts_come_back)
checks.that("a nested run knows its parent", nested_run)
checks.that("a batch of nearly a thousand items is logged", batch_of_the_largest_size)
checks.that("a search by metric, param and tag finds the run", search_finds_it)
checks.that("a search is ordered and goes on by page token", search_orders_and_pages)
checks.that("a search as a table has the values", search_as_a_table)
checks.that("a deleted run is hidden until it is restored", deleted_and_restored)
checks.that("a param keeps its value", params_do_not_change)
checks.that("an unknown run is RESOURCE_DOES_NOT_EXIST", lambda: equal(error_of(lambda: client.get_run("0" * 32)), "RESOURCE_DOES_NOT_EXIST"))
checks.that("a wrong filter is INVALID_PARAMETER_VALUE", lambda: equal(error_of(lambda: client.search_runs([experiment_id], "nonsense = 1")), "INVALID_PARAMETER_VALUE"))
checks.that("a second experiment of that name is RESOURCE_ALREADY_EXISTS", lambda: equal(error_of(lambda: client.create_experiment(name)), "RESOURCE_ALREADY_EXISTS"))
checks.that("the champion is in the registry under its alias", the_champion)
checks.that("the champion is loaded as a Python function and predicts", champion_predicts)
checks.that("the champion is the same by alias and by version", champion_is_the_same_by_number)
checks.that("the champion's ONNX file runs in ONNX Runtime for Python", onnx_runs_elsewhere)
checks.finish()
