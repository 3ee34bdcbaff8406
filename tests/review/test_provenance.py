"""A record of what a model was made on counts for that model alone."""

from typing import Any

import pytest

from review.record import provenance


@pytest.mark.fault(39)
@pytest.mark.parametrize(
    "record",
    [{}, {"of": {}}, {"of": "x"}, {"of": {"m": 1}}, {"of": {"other": "1"}}, [], None, "of"],
)
def test_a_record_that_names_no_model_of_dvc_lock_is_believed_of_none(record: Any) -> None:
    assert provenance.platform(record, {"m": "1"}.get) == {}
