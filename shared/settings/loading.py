"""Reading settings from the environment, once."""

from __future__ import annotations

import re
from typing import TypeVar

import pydantic_settings
from pydantic import ValidationError

from shared.errors import SettingsError
from shared.settings.environment import Environment, variable

SettingsType = TypeVar("SettingsType", bound=Environment)


def load_settings(kind: type[SettingsType]) -> SettingsType:
    """Read settings from the environment.

    Raises SettingsError with one line that names the first wrong variable.
    """
    try:
        return kind()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        problem = "required" if first["type"] == "missing" else first["msg"]
        raise SettingsError(f"{variable(str(first['loc'][0]))}: {problem}") from None
    except pydantic_settings.SettingsError as error:  # a list that is no JSON
        field = re.search(r'field "(\w+)"', str(error))
        name = variable(field[1]) if field else "OMS_*"
        raise SettingsError(f"{name}: must be JSON") from None
