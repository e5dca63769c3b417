"""Bicep files as Python objects, by tree-sitter: enough to judge them without a compiler.

What is written out becomes dicts, lists, texts, numbers and truths; everything else stays the
text of its expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
_PARSER = Parser(Language(tree_sitter_bicep.language()))


class Expression(str):
    """The text of what only a deployment can compute."""

    __slots__ = ()


@dataclass(frozen=True)
class Resource:
    symbol: str
    kind: str
    body: Mapping[str, Any]
    is_existing: bool
    condition: str | None
    loop: str | None

    @property
    def properties(self) -> Mapping[str, Any]:
        properties: Mapping[str, Any] = self.body["properties"]
        return properties


@dataclass(frozen=True)
class Module:
    symbol: str
    path: Path
    arguments: Mapping[str, Any]
    condition: str | None


@dataclass
class BicepFile:
    path: Path
    root: Node
    parameters: dict[str, bool] = field(default_factory=dict)
    """Names, and whether they have a default."""
    secure: set[str] = field(default_factory=set)
    variables: dict[str, Any] = field(default_factory=dict)
    resources: list[Resource] = field(default_factory=list)
    modules: list[Module] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    @property
    def declared(self) -> set[str]:
        symbols = {one.symbol for one in [*self.resources, *self.modules]}
        return symbols | set(self.parameters) | set(self.variables)

    def resource(self, symbol: str) -> Resource:
        return next(one for one in self.resources if one.symbol == symbol)


@cache
def read(path: Path) -> BicepFile:
    text = path.read_bytes()
    if path.suffix == ".bicepparam":
        # Assignments without a type, which the grammar does not know in this place.
        text = re.sub(rb"^param ", b"var ", text, flags=re.MULTILINE)
    file = BicepFile(path, _PARSER.parse(text).root_node)
    decorators: list[str] = []
    for node in file.root.children:
        if node.type == "decorators":
            decorators = [_text(one) for one in node.children]
            continue
        _take(file, node, decorators)
        decorators = []
    return file


def files() -> list[Path]:
    return sorted(INFRA.rglob("*.bicep"))


def errors(node: Node) -> Iterator[str]:
    if node.type == "ERROR" or node.is_missing:
        yield f"line {node.start_point.row + 1}: {_text(node)[:60]!r}"
    for child in node.children:
        yield from errors(child)


def descendants(node: Node, kind: str) -> Iterator[Node]:
    for child in node.children:
        if child.type == kind:
            yield child
        yield from descendants(child, kind)


def _take(file: BicepFile, node: Node, decorators: list[str]) -> None:
    named = node.named_children
    if node.type == "parameter_declaration":
        name = _text(named[0])
        file.parameters[name] = len(named) > 2
        if "@secure()" in decorators:
            file.secure.add(name)
    elif node.type == "variable_declaration":
        file.variables[_text(named[0])] = value(named[-1])
    elif node.type == "output_declaration":
        file.outputs[_text(named[0])] = value(named[-1])
    elif node.type in ("resource_declaration", "module_declaration"):
        symbol, target = _text(named[0]), value(named[1])
        body, condition, loop = _unwrapped(named[-1])
        if node.type == "module_declaration":
            path = (file.path.parent / target).resolve()
            file.modules.append(Module(symbol, path, body.get("params", {}), condition))
        else:
            is_existing = any(child.type == "existing" for child in node.children)
            file.resources.append(Resource(symbol, target, body, is_existing, condition, loop))


def _unwrapped(node: Node) -> tuple[dict[str, Any], str | None, str | None]:
    """Return the body of a declaration, without the condition or loop around it."""
    if node.type == "if_statement":
        condition, body = node.named_children
        return value(body), _text(condition), None
    if node.type == "for_statement":
        return value(node.named_children[-1]), None, _text(node)
    return value(node), None, None


def value(node: Node) -> Any:
    match node.type:
        case "object":
            pairs = [one for one in node.named_children if one.type == "object_property"]
            return {value(pair.named_children[0]): value(pair.named_children[1]) for pair in pairs}
        case "array":
            return [value(one) for one in node.named_children if one.type != "comment"]
        case "string":
            return _text(node)[1:-1].replace("\\'", "'")
        case "number":
            return int(_text(node))
        case "boolean":
            return _text(node) == "true"
        case "null":
            return None
        case "identifier" if node.parent and node.parent.type == "object_property":
            is_key = node == node.parent.named_children[0]
            return _text(node) if is_key else Expression(_text(node))
        case _:
            return Expression(_text(node))


def _text(node: Node) -> str:
    assert node.text is not None
    return node.text.decode()
