"""The base of every model at this border."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class CamelModel(BaseModel):
    """camelCase outside, nothing unknown accepted."""

    # Dynamic aliases keep type checkers from seeing the constructor; only validation is used.
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)  # type: ignore[pydantic-alias]
