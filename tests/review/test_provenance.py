"""A record of what a model was made on counts for that model alone."""

from pathlib import Path
from typing import Any

import pytest

from mnist.machine import environment
from review import provenance


@pytest.mark.fault(39)
def test_what_a_training_writes_is_believed_of_its_model_alone(tmp_path: Path) -> None:
    model = tmp_path / "model.keras"
    model.write_bytes(b"weights")
    record = environment.describe(model)
    believed = provenance.platform(record, {str(model): "04b40f3f0f2e2e7f3fc6a8a8d8b0a4e5"}.get)
    assert believed == {}
    believed = provenance.platform(record, record["of"].get)
    assert believed == {key: value for key, value in record.items() if key != "of"}


@pytest.mark.fault(39)
@pytest.mark.parametrize(
    "record",
    [{}, {"of": {}}, {"of": "x"}, {"of": {"m": 1}}, {"of": {"other": "1"}}, [], None, "of"],
)
def test_a_record_that_names_no_model_of_dvc_lock_is_believed_of_none(record: Any) -> None:
    assert provenance.platform(record, {"m": "1"}.get) == {}
