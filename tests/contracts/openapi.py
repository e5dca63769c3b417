"""Holds HTTP exchanges to an OpenAPI 3.1 document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.contracts.documents import load
from tests.contracts.schemas import Schemas

METHODS = ("get", "post", "put", "patch", "delete")
JSON_GUARD = b"while(1);"
# What HTTP itself, or the library below, puts on a message.
_PLAIN_REQUEST_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "host",
        "user-agent",
    }
)
_PLAIN_RESPONSE_HEADERS = frozenset({"content-length", "content-type", "date", "server"})


@dataclass(frozen=True)
class Exchange:
    """One call and its answer, as they went over the wire. Header names are in lower case."""

    method: str
    target: str
    request_headers: Mapping[str, str]
    request_body: bytes
    status: int
    response_headers: Mapping[str, str]
    response_body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    def __str__(self) -> str:
        return f"{self.method} {self.target} -> {self.status}"


@dataclass(frozen=True)
class Operation:
    """One operation of a document."""

    operation_id: str
    method: str
    template: str
    description: Mapping[str, Any]
    parameters: tuple[Mapping[str, Any], ...]
    security: tuple[Mapping[str, Any], ...]
    pattern: re.Pattern[str] = field(repr=False)

    def path_values(self, path: str) -> dict[str, str]:
        found = self.pattern.fullmatch(path)
        assert found, (path, self.template)
        return {name: unquote(value) for name, value in found.groupdict().items()}


class Contract:
    """An OpenAPI document, ready to judge exchanges."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.document = load(name)
        self._schemas = Schemas(self.document)
        self.operations = list(self._operations())

    @property
    def base_path(self) -> str:
        """The path of the documented server."""
        return urlsplit(self.document["servers"][0]["url"]).path

    def operation_of(self, exchange: Exchange) -> Operation:
        fitting = [
            operation
            for operation in self.operations
            if operation.method == exchange.method and operation.pattern.fullmatch(exchange.path)
        ]
        assert fitting, f"{exchange} is no operation of {self.name}"
        # A path without parameters goes before one with them.
        return min(fitting, key=lambda operation: operation.template.count("{"))

    def assert_request(self, exchange: Exchange) -> Operation:
        """Check a call: its parameters, headers, authentication and body."""
        operation = self.operation_of(exchange)
        faults = [
            *self._parameter_faults(operation, exchange),
            *self._security_faults(operation, exchange),
            *self._request_body_faults(operation, exchange),
        ]
        assert not faults, f"{exchange} breaks {self.name}:\n" + "\n".join(faults)
        return operation

    def assert_response(self, exchange: Exchange, *, with_headers: bool = True) -> str:
        """Check an answer: its status, headers and body. Returns the status as documented."""
        operation = self.operation_of(exchange)
        responses = operation.description["responses"]
        status = next(
            (
                status
                for status in (str(exchange.status), f"{exchange.status // 100}XX", "default")
                if status in responses
            ),
            None,
        )
        assert status, f"{exchange}: {operation.operation_id} has no such answer in {self.name}"
        described = self.resolve(responses[status])
        faults = [*self._response_body_faults(described, exchange)]
        if with_headers:
            faults += self._response_header_faults(described, exchange)
        assert not faults, f"{exchange} breaks {self.name}:\n" + "\n".join(faults)
        return status

    def resolve(self, node: Any) -> Any:
        """Follow a reference to another part of the document."""
        while isinstance(node, dict) and "$ref" in node:
            target = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def schema_faults(self, value: Any, schema: Any) -> list[str]:
        return self._schemas.violations(value, schema)

    def examples(self) -> Iterator[tuple[str, Any, Any]]:
        """Yield every example with its place and its schema."""
        yield from self._examples("", self.document)

    def answers(self) -> Iterator[tuple[Operation, str, Mapping[str, Any]]]:
        """Yield every documented answer of every operation."""
        for operation in self.operations:
            for status, response in operation.description["responses"].items():
                yield operation, status, self.resolve(response)

    def _operations(self) -> Iterator[Operation]:
        for template, item in self.document["paths"].items():
            servers = item.get("servers") or self.document.get("servers") or [{"url": ""}]
            base = urlsplit(servers[0]["url"]).path
            pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(base + template))
            for method in METHODS:
                if method in item:
                    described = item[method]
                    parameters = [*item.get("parameters", []), *described.get("parameters", [])]
                    yield Operation(
                        described["operationId"],
                        method.upper(),
                        template,
                        described,
                        tuple(self.resolve(parameter) for parameter in parameters),
                        tuple(described.get("security", self.document.get("security", []))),
                        re.compile(pattern),
                    )

    # --- requests -----------------------------------------------------------------------------

    def _parameter_faults(self, operation: Operation, exchange: Exchange) -> Iterator[str]:
        query = exchange.query
        names = [name for name, _ in query]
        given: dict[tuple[str, str], str] = {("query", name): value for name, value in query}
        given |= {("path", n): v for n, v in operation.path_values(exchange.path).items()}
        given |= {
            ("header", name): value
            for name, value in exchange.request_headers.items()
            if name not in _PLAIN_REQUEST_HEADERS
        }
        if len(names) != len(set(names)):
            yield "a query parameter is given twice"
        for parameter in operation.parameters:
            is_header = parameter["in"] == "header"
            name = parameter["name"].lower() if is_header else parameter["name"]
            value = given.pop((parameter["in"], name), None)
            if value is not None:
                faults = self.schema_faults(_typed(value, parameter["schema"]), parameter["schema"])
                yield from (f"{parameter['in']} {name} {fault}" for fault in faults)
            elif parameter.get("required"):
                yield f"{parameter['in']} {name} is missing"
        yield from (f"{where} {name} is not documented" for where, name in given)

    def _security_faults(self, operation: Operation, exchange: Exchange) -> Iterator[str]:
        schemes = self.document["components"]["securitySchemes"]
        accepted = {
            _authorization_scheme(schemes[name]) for way in operation.security for name in way
        }
        if {} in operation.security:
            accepted.add("")
        used = exchange.request_headers.get("authorization", "").partition(" ")[0].lower()
        if used not in accepted:
            yield f"authorization {used!r} is not one of {sorted(accepted)}"

    def _request_body_faults(self, operation: Operation, exchange: Exchange) -> Iterator[str]:
        described = operation.description.get("requestBody")
        if described is None:
            if exchange.request_body or "content-type" in exchange.request_headers:
                yield "a body is sent where none is documented"
            return
        media_type = exchange.request_headers.get("content-type", "").partition(";")[0]
        if media_type not in described["content"]:
            yield f"the body is {media_type!r}"
            return
        if media_type == "application/x-www-form-urlencoded":
            body: Any = dict(parse_qsl(exchange.request_body.decode("ascii")))
        else:
            body = json.loads(exchange.request_body)
        yield from self.schema_faults(body, described["content"][media_type]["schema"])

    # --- answers --------------------------------------------------------------------------------

    def _response_body_faults(self, described: Any, exchange: Exchange) -> Iterator[str]:
        content = described.get("content")
        if content is None:
            if exchange.response_body:
                yield "a body is answered where none is documented"
            return
        media_type = exchange.response_headers.get("content-type", "").partition(";")[0]
        if media_type not in content:
            yield f"the body is {media_type!r}, not one of {sorted(content)}"
        elif media_type.endswith("json"):
            body = json.loads(exchange.response_body.removeprefix(JSON_GUARD))
            yield from self.schema_faults(body, content[media_type]["schema"])

    def _response_header_faults(self, described: Any, exchange: Exchange) -> Iterator[str]:
        headers = {
            name.lower(): self.resolve(header)
            for name, header in described.get("headers", {}).items()
        }
        for name, header in headers.items():
            value = exchange.response_headers.get(name)
            if value is not None:
                faults = self.schema_faults(_typed(value, header["schema"]), header["schema"])
                yield from (f"header {name} {fault}" for fault in faults)
            elif header.get("required"):
                yield f"header {name} is missing"
        unknown = exchange.response_headers.keys() - headers.keys() - _PLAIN_RESPONSE_HEADERS
        yield from (f"header {name} is not documented" for name in sorted(unknown))

    def _examples(self, place: str, node: Any) -> Iterator[tuple[str, Any, Any]]:
        if isinstance(node, list):
            for index, inner in enumerate(node):
                yield from self._examples(f"{place}/{index}", inner)
        if not isinstance(node, dict):
            return
        if "schema" in node:
            for name, example in node.get("examples", {}).items():
                yield f"{place}/{name}", example["value"], node["schema"]
            if "example" in node:
                yield place, node["example"], node["schema"]
        elif isinstance(node.get("examples"), list):
            for index, value in enumerate(node["examples"]):
                yield f"{place}/{index}", value, node
        for key, inner in node.items():
            if key not in ("example", "examples", "default"):
                yield from self._examples(f"{place}/{key}", inner)


def _typed(text: str, schema: Any) -> Any:
    """Read the text of a parameter or header as the type that its schema asks for."""
    if schema.get("type") == "integer":
        return int(text) if re.fullmatch(r"-?\d+", text) else text
    return text


def _authorization_scheme(scheme: Mapping[str, Any]) -> str:
    return "bearer" if scheme["type"] == "oauth2" else str(scheme["scheme"]).lower()
