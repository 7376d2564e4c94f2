"""NVIDIA's tritonclient, unmodified: asks an endpoint for predictions, in JSON and in binary."""

import os
import urllib.parse

import numpy
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

from checks import Checks, equal, raised

endpoint = os.environ.get("FLYWHEEL_ENDPOINT", "flight-delay")
client = triton.InferenceServerClient(urllib.parse.urlparse(os.environ["FLYWHEEL_URL"]).netloc)
checks = Checks()

# Two flights, one hour before departure; an endpoint with other inputs gets ones and empty words.
flights = {
    "origin": ["ORD", "LAX"],
    "destination": ["LAX", "JFK"],
    "date": ["2001-06-15T17:30:00.000Z", "2001-06-15T18:00:00.000Z"],
    "distance": [1745, 2475],
}


def value_of(tensor, rows):
    kind = triton_to_np_dtype(tensor["datatype"])
    is_text = kind == object
    values = flights.get(tensor["name"], ["", ""] if is_text else [1, 1])[:rows]
    column = numpy.array([str(value).encode() for value in values] if is_text else values, dtype=kind)
    return column.reshape([rows] + [1] * (len(tensor["shape"]) - 1))


def ask(rows=2, binary=True, names=None, wrong=None, **options):
    tensors = []
    for tensor in client.get_model_metadata(endpoint)["inputs"]:
        value = value_of(tensor, rows)
        sent = triton.InferInput(tensor["name"], list(value.shape), tensor["datatype"])
        sent.set_data_from_numpy(value, binary_data=binary)
        tensors.append(sent)
    if wrong is not None:
        tensors = wrong(tensors)
    outputs = None if names is None else [triton.InferRequestedOutput(name, binary_data=binary) for name in names]
    return client.infer(endpoint, tensors, outputs=outputs, **options)


def output_names():
    return [tensor["name"] for tensor in client.get_model_metadata(endpoint)["outputs"]]


def metadata():
    described = client.get_model_metadata(endpoint)
    equal(described["name"], endpoint)
    for tensor in described["inputs"] + described["outputs"]:
        equal(sorted({"name", "datatype", "shape"} - set(tensor)), [])
    equal(len(described["outputs"]) > 0, True)
    return len(described["inputs"]) > 0


def numbers(answer):
    """All numeric outputs of an answer; ids and the like are left out."""
    arrays = {name: answer.as_numpy(name) for name in output_names()}
    return {name: array for name, array in arrays.items() if array is not None and array.dtype != object}


def predicts(binary):
    values = numbers(ask(binary=binary))
    equal(len(values) > 0, True)
    for name, array in values.items():
        equal((name, array.shape[0]), (name, 2))
        equal((name, bool(numpy.isfinite(array).all())), (name, True))
    return True


def json_and_binary_agree():
    left, right = numbers(ask(binary=True)), numbers(ask(binary=False))
    equal(sorted(left), sorted(right))
    for name in left:
        equal((name, left[name].tolist()), (name, right[name].tolist()))
    return True


def rows_do_not_mix():
    pair, single = numbers(ask(rows=2)), numbers(ask(rows=1))
    for name in single:
        numpy.testing.assert_allclose(pair[name][:1], single[name], rtol=1e-5)
    return True


def id_comes_back():
    return equal(ask(request_id="conformance-1").get_response()["id"], "conformance-1")


def named_output_alone():
    name = next(iter(numbers(ask())))
    answer = ask(names=[name])
    return equal([output["name"] for output in answer.get_response()["outputs"]], [name])


def refused(wrong=None, model=endpoint):
    """What the client raises for a request that is wrong: a status of 400 to 499 and a readable message."""
    if model != endpoint:
        failure = raised(lambda: client.infer(model, []), InferenceServerException)
    else:
        failure = raised(lambda: ask(wrong=wrong), InferenceServerException)
    status = failure.status() or ""
    equal(status[:1], "4")
    equal("decoding the response" in failure.message(), False)
    return len(failure.message()) > 5


def renamed(tensors):
    other = triton.InferInput("no_such_input", [1], "FP32")
    other.set_data_from_numpy(numpy.ones([1], dtype=numpy.float32))
    return tensors[:-1] + [other]


def missing(tensors):
    return tensors[:-1]


def of_another_type(tensors):
    other = triton.InferInput(tensors[-1].name(), tensors[-1].shape(), "BOOL")
    other.set_data_from_numpy(numpy.ones(tensors[-1].shape(), dtype=bool))
    return tensors[:-1] + [other]


checks.that("the server is live", client.is_server_live)
checks.that("the server is ready", client.is_server_ready)
checks.that("the server describes itself", lambda: bool(client.get_server_metadata()["name"]))
checks.that("the endpoint is ready", lambda: client.is_model_ready(endpoint))
checks.that("an unknown endpoint is not ready", lambda: client.is_model_ready("no-such-endpoint") is False)
checks.that("the endpoint describes its tensors", metadata)
checks.that("it predicts from binary tensors", lambda: predicts(binary=True))
checks.that("it predicts from JSON tensors", lambda: predicts(binary=False))
checks.that("binary and JSON give the same bits", json_and_binary_agree)
checks.that("a row gets the same answer alone and beside another", rows_do_not_mix)
checks.that("the request's id comes back", id_comes_back)
checks.that("an output asked for by name comes alone", named_output_alone)
checks.that("gzip is understood both ways", lambda: bool(numbers(ask(request_compression_algorithm="gzip", response_compression_algorithm="gzip"))))
checks.that("an unknown endpoint is refused in words", lambda: refused(model="no-such-endpoint"))
checks.that("an unknown input is refused in words", lambda: refused(wrong=renamed))
checks.that("a missing input is refused in words", lambda: refused(wrong=missing))
checks.that("an input of another type is refused in words", lambda: refused(wrong=of_another_type))
checks.finish()
