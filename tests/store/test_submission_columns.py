"""Which class each column of a sample asks for."""

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.facts.competition import SubmissionForm
from pipeline.store import submission_file

CLASSES = ("ant", "bee", "cat")
FOUND = {
    "labels": (("label",), CLASSES, False, None),
    "names": (("cat", "ant", "bee"), CLASSES, False, (2, 0, 1)),
    "names in capitals": (("Cat", "ANT", "bee"), CLASSES, False, (2, 0, 1)),
    "a beginning": (("class_0", "class_1", "class_10"), ("0", "1", "10"), False, (0, 1, 2)),
    "names that begin alike": (("class_a1", "class_a2"), ("a1", "a2"), False, (0, 1)),
    "the second of two": (("has_cactus",), ("0", "1"), True, (1,)),
}


@pytest.mark.parametrize(("columns", "classes", "probabilities", "expected"), FOUND.values(), ids=FOUND)
def test_columns_are_those_of_classes(columns, classes, probabilities: bool, expected) -> None:
    form = SubmissionForm("id", columns, ("1",))
    assert submission_file.class_columns(form, classes, probabilities) == expected


REFUSED = {
    "a class too few": (("ant", "bee"), CLASSES, False, "are not the model's classes ant, bee, cat"),
    "another class": (("ant", "bee", "dog"), CLASSES, False, "has the columns ant, bee, dog"),
    "probabilities of three in one column": (("label",), CLASSES, True, "cannot hold the probabilities of 3 classes"),
}


@pytest.mark.parametrize(("columns", "classes", "probabilities", "words"), REFUSED.values(), ids=REFUSED)
def test_columns_that_are_not_classes_are_refused(columns, classes, probabilities: bool, words: str) -> None:
    with pytest.raises(DataError, match=words):
        submission_file.class_columns(SubmissionForm("id", columns, ("1",)), classes, probabilities)


FORM = SubmissionForm("id", ("cat", "ant", "bee"), ("x", "y"))


def test_probabilities_are_written_exactly_and_in_the_samples_order(tmp_path) -> None:
    given = np.array([[0.1, 0.2, 0.7], [1.0, 0.0, 0.0]], np.float32)
    path = tmp_path / "submission.csv"
    submission_file.write(path, FORM, given, CLASSES, probabilities=False)
    lines = [line.split(",") for line in path.read_text().splitlines()]
    assert lines[0] == ["id", "cat", "ant", "bee"]
    assert [row[0] for row in lines[1:]] == ["x", "y"]
    np.testing.assert_array_equal(np.array([row[1:] for row in lines[1:]], np.float32), given[:, [2, 0, 1]])
    submission_file.check(path, FORM, CLASSES, probabilities=False)


BAD = {
    "no number": ("id,cat,ant,bee\nx,0.5,0.5,0\ny,a,b,c\n", "row 3: 'a,b,c' are not probabilities"),
    "not a number": ("id,cat,ant,bee\nx,nan,0.5,0.5\ny,0,0,1\n", "row 2: 'nan,0.5,0.5' are not"),
    "a sum of two": ("id,cat,ant,bee\nx,1,1,0\ny,0,0,1\n", "row 2: '1,1,0' are not"),
    "negative": ("id,cat,ant,bee\nx,-1,1,1\ny,0,0,1\n", "row 2: '-1,1,1' are not"),
    "other ids": ("id,cat,ant,bee\ny,0,1,0\nx,0,0,1\n", "row 2: expected a prediction for id x"),
    "other columns": ("id,ant,bee,cat\nx,0,1,0\ny,0,0,1\n", "instead of 'id,cat,ant,bee'"),
}


@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=BAD)
def test_what_is_no_submission_of_probabilities_is_refused(tmp_path, content: str, words: str) -> None:
    (tmp_path / "submission.csv").write_text(content)
    with pytest.raises(DataError, match=words):
        submission_file.check(tmp_path / "submission.csv", FORM, CLASSES, probabilities=False)
