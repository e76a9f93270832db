"""Our own CNN, alone and as an ensemble."""

from dataclasses import replace
from typing import Any

from pipeline.contracts import FitProgress, History, Shape
from pipeline.facts.manifest_facts import ShiftsName
from pipeline.models import cnn_network, cnn_training, shift_averaging
from pipeline.models.cnn_parameters import CnnParameters, EnsembleParameters
from pipeline.models.cnn_plan import EFFORTS, became, plan
from pipeline.models.fitting import FitRequest
from pipeline.models.keras_family import KerasModel, KerasTraining
from pipeline.models.runtime import import_keras, import_tensorflow

BATCH_SIZE, BATCH_SIZE_ON_GPU = 128, 256
"""256 with half the steps is as accurate and uses a GPU better."""


def build(shape: Shape, n_classes: int, parameters: CnnParameters) -> KerasModel:
    """Return convolutions with BatchNorm, trained on random affine copies with Muon and one cycle of learning rate."""
    return _model(shape, n_classes, parameters, members=1)


def build_ensemble(shape: Shape, n_classes: int, parameters: EnsembleParameters) -> KerasModel:
    """Return several such networks, each with a seed of its own, their probabilities averaged."""
    return _model(shape, n_classes, parameters, members=parameters.members)


def _model(shape: Shape, n_classes: int, parameters: CnnParameters, *, members: int) -> KerasModel:
    chosen = EFFORTS[parameters.architecture][parameters.effort]

    def built(seed: int) -> Any:
        return cnn_network.network(shape, n_classes, chosen.layers, seed)

    def fit(net: Any, request: FitRequest) -> History:
        images = len(request.train_labels)
        used = parameters.model_copy(update={"batch_size": _batch_size(parameters.batch_size, images)})
        planned = plan(images, chosen, epochs=used.epochs, batch_size=used.batch_size)
        history = History(automatic=became(planned, images, parameters, used))
        for number, member in enumerate(_members(net)):
            of_member = _request_of(request, number, members)
            member.set_weights(built(of_member.seed).get_weights())
            history = _joined(history, cnn_training.fit(member, of_member, planned, used))
        return history

    def fresh() -> Any:
        networks = [built(number) for number in range(members)]
        return networks[0] if members == 1 else _average(shape, networks)

    def shifts(net: Any, request: FitRequest) -> ShiftsName:
        return shift_averaging.best(net, request) if parameters.test_shifts == "auto" else parameters.test_shifts

    asked = None if parameters.test_shifts == "off" else shifts
    return KerasModel(shape, n_classes, KerasTraining(fresh, fit, asked))


def _average(shape: Shape, networks: list[Any]) -> Any:
    keras = import_keras()
    images = keras.Input(shape, dtype="uint8")
    return keras.Model(images, keras.layers.Average()([net(images) for net in networks]))


def _members(net: Any) -> list[Any]:
    keras = import_keras()
    inner = [layer for layer in net.layers if isinstance(layer, keras.Sequential)]
    return inner or [net]


def _request_of(request: FitRequest, number: int, members: int) -> FitRequest:
    """One member's share: its own seed, its epochs counted on from the one before; ensembles keep no checkpoints."""
    if members == 1:
        return request

    def progress(step: int, steps: int, metrics: Any) -> None:
        request.progress(number * steps + step, members * steps, metrics)

    counted_on: FitProgress = progress
    return replace(request, seed=(request.seed * 1000 + number) % 2**31, progress=counted_on, checkpoints=None)


def _joined(before: History, after: History) -> History:
    steps = len(before.rows)
    rows = tuple({**row, "step": steps + row["step"]} for row in after.rows)
    return History(before.rows + rows, None if steps else after.best_step, automatic=before.automatic)


def _batch_size(asked: int, images: int) -> int:
    """The size asked for, or the one that suits the device; a batch larger than the training set only costs memory."""
    if asked:
        return min(asked, max(images, BATCH_SIZE_ON_GPU))
    return BATCH_SIZE_ON_GPU if import_tensorflow().config.list_physical_devices("GPU") else BATCH_SIZE
