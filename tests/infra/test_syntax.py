"""What a compiler would say first. This is none: it knows no type and no version of a resource."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.infra.bicep import INFRA, BicepFile, descendants, errors, files, read

PARAMETERS = INFRA / "main.bicepparam"
FUNCTIONS = {
    "az", "concat", "description", "empty", "environment", "guid", "items", "json",
    "loadJsonContent", "maxLength", "minLength", "allowed", "readEnvironmentVariable", "resourceId",
    "string", "subscription", "subscriptionResourceId", "tenant", "toLower", "union",
    "uniqueString",
}  # fmt: skip


@pytest.mark.parametrize("path", [*files(), PARAMETERS], ids=lambda path: path.name)
def test_every_file_parses(path: Path) -> None:
    assert list(errors(read(path).root)) == []


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_no_line_ends_with_a_comma(path: Path) -> None:
    """The parser takes it, the compiler does not: lines or commas separate, never both."""
    for line in path.read_text().splitlines():
        assert not line.split("//")[0].rstrip().endswith(","), line


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_every_name_that_is_used_is_declared(path: Path) -> None:
    file = read(path)
    loops = set()
    for loop in descendants(file.root, "for_statement"):
        head = loop.text.decode().split(" in ", 1)[0]
        loops |= set(re.findall(r"\w+", head.removeprefix("[for ")))
    assert _used(file) - file.declared - loops - FUNCTIONS == set()


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_every_parameter_and_variable_is_used(path: Path) -> None:
    file = read(path)
    assert (set(file.parameters) | set(file.variables)) - _used(file) == set()


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_modules_get_the_parameters_that_they_have(path: Path) -> None:
    for module in read(path).modules:
        wanted = read(module.path).parameters
        given = set(module.arguments)
        assert given <= set(wanted), module.symbol
        assert {name for name, has_default in wanted.items() if not has_default} <= given


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_outputs_that_are_read_exist(path: Path) -> None:
    file = read(path)
    modules = {module.symbol: module for module in file.modules}
    text = path.read_text()
    for symbol, output in re.findall(r"\b(\w+)!?\.outputs\.(\w+)", text):
        assert output in read(modules[symbol].path).outputs, f"{symbol}.{output}"
    for module in file.modules:
        if module.condition:  # its outputs exist only sometimes: `!`, behind a condition
            assert f"{module.symbol}.outputs" not in text


def test_every_module_is_used() -> None:
    used = {module.path for path in files() for module in read(path).modules}
    assert used == set((INFRA / "modules").glob("*.bicep"))


def test_the_parameter_file_is_complete() -> None:
    assert set(read(PARAMETERS).variables) == set(read(INFRA / "main.bicep").parameters)


def test_what_has_no_default_must_be_set_by_whoever_deploys() -> None:
    wanted = read(INFRA / "main.bicep").parameters
    for name, text in read(PARAMETERS).variables.items():
        must_be_set = re.search(r"readEnvironmentVariable\('\w+'\)", text)
        assert bool(must_be_set) != wanted[name], name


def _used(file: BicepFile) -> set[str]:
    """Return the names in expressions: not those that are declared, nor keys of objects."""
    used = set()
    for node in descendants(file.root, "identifier"):
        parent = node.parent
        is_first = parent.named_children[0] == node
        if parent.type.endswith("_declaration") and is_first:
            continue
        if parent.type == "object_property" and is_first:
            continue
        if parent.type == "for_statement" and node == parent.child_by_field_name("initializer"):
            continue
        used.add(node.text.decode())
    return used
