"""The core knows no vendor, whichever library is added tomorrow; import-linter holds the rest of the direction."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
ALLOWED: Final = sys.stdlib_module_names | {"core", "numpy"}
MODULES: Final = sorted(ROOT.glob("core/**/*.py"))


def imported(code: str) -> Iterator[str]:
    """The top names of everything that code imports, wherever in it."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield str(node.module).split(".")[0]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_imports_the_standard_library_and_numpy_only(module: Path) -> None:
    assert set(imported(module.read_text(encoding="utf-8"))) <= ALLOWED


def test_an_import_inside_a_function_is_seen_as_well() -> None:
    code = "import json\ndef f():\n    import tomorrow.library as t\n    from another.one import thing\n"
    assert set(imported(code)) - ALLOWED == {"tomorrow", "another"}


def test_the_contracts_cover_every_package_that_is_shipped() -> None:
    project = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text(encoding="utf-8"))["tool"]
    shipped = set(project["hatch"]["build"]["targets"]["wheel"]["packages"])
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found - {"tests"} == shipped
    assert shipped - {"migrations"} == set(project["importlinter"]["root_packages"])
