"""``--folds``: a cross-fitted version is trained, stored, judged and served like any other."""

from typing import Any

import numpy as np
import pytest

from pipeline.contracts import Version
from pipeline.data import sources, splits
from pipeline.data.digests import contained
from pipeline.errors import PipelineError, StoreError
from pipeline.growing import version_traces
from pipeline.inference import checked_model
from pipeline.inference.contenders import Gatherer
from pipeline.inference.measure import MeasuredModel
from pipeline.judging.policy import PRESETS
from pipeline.publishing import hub
from pipeline.store import manifest, production, role_records, version_arrays, versions
from pipeline.store.home import Home


@pytest.fixture
def version(run: Any, starting_from: Any) -> Version:
    """A version of three members."""

    def make(home: Home) -> None:
        run(where=home, folds=3)

    (made,) = versions.list_versions(starting_from(make))
    return made


def test_what_is_stored(version: Version) -> None:
    facts = manifest.read(version.folder)
    assert (facts.folds, facts.native_format, facts.native_file) == (3, "cross-fitted", "native/members.json")
    assert {f"native/member-{number}/model.joblib" for number in (1, 2, 3)} < facts.files.keys()
    assert facts.parity.holds
    unseen = version_arrays.out_of_fold(version.folder)
    assert len(unseen.labels) == facts.rows.train_size
    assert np.isfinite(unseen.probabilities).all()
    seen = version_arrays.training_images(version)
    assert contained(seen.train, unseen.digests).all(), "every row was fitted by some member"
    validation = unseen.probabilities[facts.rows.train :].argmax(axis=1) == unseen.labels[facts.rows.train :]
    assert facts.validation.accuracy == pytest.approx(validation.mean())


@pytest.mark.slow
def test_it_is_another_cell_and_no_growth_of_the_single_model(run: Any, home: Home) -> None:
    single, crossed = run().rows[0], run(folds=3).rows[0]
    assert not crossed.reused
    assert single.cell.digest != crossed.cell.digest != run(folds=4).rows[0].cell.digest
    assert run(folds=3).rows[0].reused
    assert run().rows[0].reused


def test_the_screen_reads_out_of_fold_answers(version: Version, home: Home, data: Any) -> None:
    images = sources.load(str(data), datasets=home.datasets)
    roles = splits.assign_roles(images, role_records.load(home, images.name))
    split = splits.plan(images, roles, version.manifest.rows.train_size, version.manifest.rows.benchmark, 0)
    champion = production.current(home, images.name)
    model = MeasuredModel(checked_model.load(champion.folder).content)
    gatherer = Gatherer(home, PRESETS["guarded"], images, split)
    answers = gatherer._validation(model, champion.folder)
    unseen = version_arrays.out_of_fold(champion.folder)
    rows = {digest: row for row, digest in enumerate(unseen.digests.tolist())}
    places = [rows[digest] for digest in images.digests[split.screening_rows].tolist()]
    np.testing.assert_array_equal(answers, unseen.probabilities[places])
    assert (answers != model.probabilities(images.images[split.screening_rows], None)).any()


def test_it_is_judged_against_a_champion_and_served(run: Any, home: Home) -> None:
    run()
    row = run(folds=3).rows[0]
    assert row.version.verdict.champion_id is not None
    assert {check.name: check.outcome for check in row.version.verdict.checks}["onnx_parity"] == "pass"
    assert production.current(home, "stripes").id == row.version.id
    assert versions.verify(row.version).damage is None


def test_damaged_out_of_fold_answers_are_refused(version: Version) -> None:
    path = version.folder / version_arrays.OUT_OF_FOLD
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(StoreError, match=r"out_of_fold.npz was changed"):
        version_arrays.out_of_fold(version.folder)


def test_a_removed_image_leaves_no_trace(version: Version) -> None:
    before = version_arrays.out_of_fold(version.folder)
    gone = before.digests[7].tobytes().hex()
    version_traces.forget(version.folder, {gone})
    after = version_arrays.out_of_fold(version.folder)
    assert gone not in {digest.hex() for digest in after.digests.tolist()}
    assert len(after.digests) == len(before.digests)
    np.testing.assert_array_equal(after.probabilities, before.probabilities)


def test_the_hub_gets_every_member(version: Version, home: Home) -> None:
    champion = production.current(home, "stripes")
    found = hub._native(champion, manifest.read(champion.folder))
    assert sorted(found) == [*(f"member-{number}/model.joblib" for number in (1, 2, 3)), "members.json"]


def test_a_fold_that_leaves_a_class_without_images_is_refused(run: Any) -> None:
    with pytest.raises(PipelineError, match=r"folds|training image of class"):
        run(folds=3, train_sizes=("4",))


def test_classes_can_weigh_but_not_repeat(run: Any) -> None:
    assert run(folds=3, balance="weights").rows[0].version.manifest.folds == 3
    with pytest.raises(PipelineError, match="oversample repeats images"):
        run(folds=3, balance="oversample")


def test_folds_on_the_command_line(command: Any, data: Any, home: Home) -> None:
    status, _, said = command(
        *("run", "--dataset", data, "--models", "logistic", "--train-sizes", "all", "--folds", 3, "--home", home.root)
    )
    assert (status, [version.manifest.folds for version in versions.list_versions(home)]) == (0, [3]), said
    status, _, said = command("run", "--folds", 1, "--home", home.root)
    assert status == 1
    assert "--folds" in said
