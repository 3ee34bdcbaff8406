"""YAML has one reading in all three packages, which do not import each other."""

from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"


def test_every_package_reads_yaml_by_the_same_code() -> None:
    readers = {
        (SOURCE / name / "document.py").read_bytes() for name in ("mnist", "review", "sealed")
    }
    assert len(readers) == 1
