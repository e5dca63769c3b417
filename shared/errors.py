"""The errors that cross a layer's border.

OmsError
├── SettingsError              a setting is missing or wrong; names the variable
├── DatabaseUnavailable        the database cannot be reached, or gave up on a transaction
├── ReferenceDataUnavailable   neither an answer nor a cached one young enough
├── ReferenceDataInvalid       the Reference Data API answered something that is not its contract
├── AuthenticationUnavailable  the issuer of callers' tokens gives no keys to check them with
├── LeaseLost                  somebody else owns the work now; this worker changes nothing
├── DuplicateCorrelationId     the pair (source system, correlation id) is stored already
├── RequestNotFound            no such request, or none that the caller may see
└── ActionRefused              an operation that does not apply in the request's present status
"""

from __future__ import annotations


class OmsError(Exception):
    """Base of every error that this system raises on purpose."""


class SettingsError(OmsError):
    """A setting is missing or wrong. The message is one line and names the variable."""


class DatabaseUnavailable(OmsError):
    """The database cannot be reached, or a transaction was given up after its retries.

    The outcome of a write that ended like this is unknown to the caller.
    """


class ReferenceDataUnavailable(OmsError):
    """The Reference Data API gave no answer and no cached one is young enough."""


class ReferenceDataInvalid(ReferenceDataUnavailable):
    """The Reference Data API answered with something that is not its contract."""


class AuthenticationUnavailable(OmsError):
    """Whether a caller's token is valid cannot be told now: its issuer gives no keys."""


class LeaseLost(OmsError):
    """Another worker owns this unit of work now. Nothing may be written for it."""


class DuplicateCorrelationId(OmsError):
    """The database refused a second row for one (source system, correlation id)."""


class RequestNotFound(OmsError):
    """No request with this id, or none that the caller is entitled to see."""


class ActionRefused(OmsError):
    """The action does not apply to the request as it is now; nothing was changed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
