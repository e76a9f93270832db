"""How an image was chosen decides what it may be used for."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.contracts import LabelledImages
from pipeline.data import roles, shards
from pipeline.data.digests import image_digests, positions
from pipeline.data.raw import RawPart, RawSet
from pipeline.data.validation import labelled


def pool(count: int, seed: int = 0) -> LabelledImages:
    images = np.random.default_rng(seed).integers(0, 256, (count, 6, 6), dtype=np.uint8)
    part = RawPart("images", "labels", images, np.arange(count) % 3)
    return labelled(RawSet("pool", "a pool", part))


def roles_of(data: LabelledImages, known: roles.Roles | None = None) -> np.ndarray:
    drawn = roles.assign_roles(data, known)
    return drawn.roles[positions(data.digests, drawn.digests)]


@pytest.mark.parametrize("chosen", [shards.DOUBTFUL, shards.CORRECTED])
def test_what_was_selected_is_training_data_alone(chosen: str) -> None:
    data = pool(300)
    selection = np.array([chosen if row % 2 else shards.ARRIVED for row in range(300)])
    drawn = roles_of(replace(data, selection=selection))

    assert (drawn[selection == chosen] == roles.TRAINING).all()
    assert (drawn[selection == shards.ARRIVED] == roles.BENCHMARK).sum() == 30, "a fifth of those that simply arrived"


def test_the_benchmark_grows_from_arrivals_and_audits_as_if_nothing_had_been_selected() -> None:
    data = pool(300)
    first = replace(data, selection=np.full(300, shards.ARRIVED))
    known = roles.assign_roles(first)
    more = pool(600, seed=1)
    both = replace(
        data,
        images=np.concatenate([data.images, more.images]),
        labels=np.concatenate([data.labels, more.labels]),
        digests=np.concatenate([data.digests, image_digests(more.images)]),
        selection=np.array([shards.ARRIVED] * 300 + [shards.AUDITED] * 300 + [shards.DOUBTFUL] * 300),
    )
    before, after = roles_of(first), roles_of(both, known)

    assert (after[:300] == before).all(), "a role that is known stays"
    assert (after[300:600] == roles.BENCHMARK).sum() == 60
    assert (after[600:] == roles.TRAINING).all()


def test_an_image_that_judged_before_it_was_corrected_goes_on_judging() -> None:
    data = replace(pool(30), selection=np.full(30, shards.ARRIVED))
    known = roles.assign_roles(data)
    corrected = replace(data, selection=np.full(30, shards.CORRECTED))

    assert (roles_of(corrected, known) == roles_of(data)).all()
