"""Every row of docs/faults.md has a test, in the files that it names, and no test has another."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent.parent
TABLE = TESTS.parent / "docs/faults.md"


def injected() -> dict[int, set[str]]:
    """Return number of a fault -> the test files that are marked with it."""
    found: dict[int, set[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
                for argument in node.args:
                    number = ast.literal_eval(argument)
                    found.setdefault(number, set()).add(str(path.relative_to(TESTS)))
    return found


def test_every_fault_has_the_tests_that_its_row_names() -> None:
    rows = re.findall(r"^\| (\d+) \|.*\| (.*) \|$", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, len(rows) + 1))
    named = {int(number): set(re.findall(r"`([^`]+)`", tests)) for number, tests in rows}
    assert injected() == named
