"""JSON Schema as these documents use it: 2020-12, and closed towards ourselves.

The documents let objects grow: a consumer ignores members that it does not know. What we
produce ourselves has to be named in them all the same, so that a misspelt or new member is
found. `Schemas` therefore closes every object that says nothing about further members.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

_BASE = "urn:document"
_FORMATS = FormatChecker(formats=["uuid"])
_NAMED = ("properties", "patternProperties", "$defs", "dependentSchemas")
_LISTED = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "propertyNames", "contains", "not")
_CONDITIONS = ("if", "then", "else")
_OPENNESS = ("additionalProperties", "unevaluatedProperties", "patternProperties")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


@_FORMATS.checks("date", ValueError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or bool(date.fromisoformat(value))


@_FORMATS.checks("date-time", ValueError)
def _is_time(value: object) -> bool:
    """Every contract of this system writes times in UTC, with `Z` and milliseconds."""
    if not isinstance(value, str):
        return True
    return bool(_TIME.fullmatch(value) and datetime.fromisoformat(value))


class Schemas:
    """Validates values against schemas of one document."""

    def __init__(self, document: Any, *, closed: bool = True) -> None:
        self._closed = closed
        resource = DRAFT202012.create_resource(self._prepared_document(document))
        self._registry = Registry().with_resource(_BASE, resource)
        self._validators: dict[str, Draft202012Validator] = {}

    def violations(self, value: Any, schema: Any) -> list[str]:
        """Return what is wrong with a value, each with its place."""
        validator = self._validators.get(key := repr(schema))
        if validator is None:
            validator = self._validators[key] = Draft202012Validator(
                self._prepared(schema), registry=self._registry, format_checker=_FORMATS
            )
        return [
            f"{error.json_path}: {error.message[:300]}"
            for error in sorted(validator.iter_errors(value), key=lambda error: error.json_path)
        ]

    def _prepared_document(self, document: Any) -> Any:
        if "components" not in document:
            return self._prepared(document)
        schemas = document["components"].get("schemas", {})
        prepared = {name: self._prepared(schema) for name, schema in schemas.items()}
        return {"components": {"schemas": prepared}}

    def _prepared(self, schema: Any, *, is_condition: bool = False) -> Any:
        """Make references absolute, and close objects that only name their members."""
        if not isinstance(schema, dict):
            return schema
        prepared: dict[str, Any] = {}
        for key, value in schema.items():
            match key:
                case "$ref":
                    prepared[key] = f"{_BASE}{value}"
                case "$id":
                    continue
                case _ if key in _NAMED:
                    prepared[key] = {
                        name: self._prepared(inner, is_condition=is_condition)
                        for name, inner in value.items()
                    }
                case _ if key in _LISTED:
                    inherits = is_condition or key == "allOf"
                    prepared[key] = [self._prepared(i, is_condition=inherits) for i in value]
                case _ if key in _CONDITIONS:
                    prepared[key] = self._prepared(value, is_condition=True)
                case _ if key in _SINGLE:
                    prepared[key] = self._prepared(value, is_condition=is_condition)
                case _:
                    prepared[key] = value
        names_members = "properties" in prepared and not any(key in prepared for key in _OPENNESS)
        if self._closed and names_members and not is_condition:
            prepared["additionalProperties"] = False
        return prepared
