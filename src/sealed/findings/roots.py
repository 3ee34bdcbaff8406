"""Where Python looks for a project's modules: what its packaging says of an editable install."""

import configparser
import re
import tomllib
from pathlib import Path
from typing import Any

REQUIREMENTS = (
    *("requirements*.txt", "requirements*.in", "requirements*.lock", "requirements/*.txt"),
    *("pyproject.toml", "setup.py", "setup.cfg", "environment*.y*ml", "conda*.y*ml", "Pipfile"),
)


def installed(root: Path) -> tuple[str, ...]:
    """Return the folders, relative to the project, that `pip install -e .` makes importable."""
    found = [*_of_pyproject(root), *_of_setup_cfg(root), *_of_setup_py(root)]
    return tuple(dict.fromkeys(found))


def required(root: Path) -> frozenset[str]:
    """Return the words of the files in which the project names what it gets from elsewhere."""
    words: set[str] = set()
    for pattern in REQUIREMENTS:
        for path in root.glob(pattern):
            text = path.read_text(encoding="utf-8", errors="replace")[:1_000_000]
            words |= {word.lower().replace("-", "_") for word in re.findall(r"[\w-]+", text)}
    return frozenset(words)


def _of_pyproject(root: Path) -> list[str]:
    try:
        content = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    tool = content.get("tool", {})
    if not ("project" in content or "poetry" in tool or "flit" in tool):
        return []
    setuptools = tool.get("setuptools", {})
    found = [
        *_texts(setuptools, "package-dir", ""),
        *_texts(setuptools, "packages", "find", "where"),
    ]
    packages = tool.get("poetry", {}).get("packages", [])
    found += [str(one.get("from", ".")) if isinstance(one, dict) else "." for one in packages]
    hatch = _texts(tool, "hatch", "build", "targets", "wheel", "packages")
    found += [str(Path(package).parent) for package in hatch]
    return found or _by_convention(root)


def _texts(value: Any, *keys: str) -> list[str]:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    found = value if isinstance(value, list) else [value]
    return [text for text in found if isinstance(text, str)]


def _by_convention(root: Path) -> list[str]:
    return ["src"] if any((root / "src").glob("*/__init__.py")) else ["."]


def _of_setup_cfg(root: Path) -> list[str]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(root / "setup.cfg", encoding="utf-8")
    except (configparser.Error, ValueError):
        return []
    found = [parser.get("options.packages.find", "where", fallback="")]
    for line in parser.get("options", "package_dir", fallback="").splitlines():
        package, _, folder = line.partition("=")
        found += [folder.strip()] if not package.strip() else []
    return [folder for folder in found if folder]


def _of_setup_py(root: Path) -> list[str]:
    try:
        text = (root / "setup.py").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return []
    patterns = (
        r"package_dir\s*=\s*\{\s*['\"]['\"]\s*:\s*['\"]([^'\"]+)['\"]",
        r"find_(?:namespace_)?packages\(\s*(?:where\s*=\s*)?['\"]([^'\"]+)['\"]",
    )
    found = [folder for pattern in patterns for folder in re.findall(pattern, text)]
    return found or (_by_convention(root) if "setup(" in text else [])
