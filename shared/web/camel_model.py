"""The bases of every model at this border."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class CamelModel(BaseModel):
    """camelCase outside; open, so that answers may grow."""

    # Dynamic aliases keep type checkers from seeing the constructor; only validation is used.
    model_config = ConfigDict(frozen=True, alias_generator=to_camel)  # type: ignore[pydantic-alias]


class ClosedModel(CamelModel):
    """What callers send: nothing unknown is accepted."""

    model_config = ConfigDict(extra="forbid")
