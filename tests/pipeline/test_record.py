"""What a training writes of its platform is what a review reads: a record of that model alone."""

from pathlib import Path

import pytest

from dvcproject.revision import workspace
from mnist.machine import environment
from review.record import pipeline, provenance

PROJECT = Path(__file__).parents[2]


@pytest.mark.fault(39)
def test_what_a_training_writes_is_believed_of_its_model_alone(tmp_path: Path) -> None:
    model = tmp_path / "model.keras"
    model.write_bytes(b"weights")
    record = environment.describe(model)
    believed = provenance.platform(record, {str(model): "04b40f3f0f2e2e7f3fc6a8a8d8b0a4e5"}.get)
    assert believed == {}
    believed = provenance.platform(record, record["of"].get)
    assert believed == {key: value for key, value in record.items() if key != "of"}


def test_the_review_finds_the_record_that_this_pipeline_declares() -> None:
    train = pipeline.declared(workspace(PROJECT))["train"]
    assert train.records == ["metrics/environment.json"]
