"""The keys that callers' tokens are signed with: kept, renewed in time, once for all threads."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from shared.errors import AuthenticationUnavailable
from shared.web.security import NotAuthenticated

ALGORITHM = "RS256"
LIFETIME_SECONDS = 3600.0
"""Keys are fetched again after so long: the time for which a withdrawn key is still taken."""
MAX_STALE_SECONDS = 24 * 3600.0
"""While the issuer is out, keys are used until they are so old."""
SEARCH_SECONDS = 30.0
"""Keys are fetched at most so often because a token names one that is not known."""
FAILURE_SECONDS = 5.0
"""After a failure nobody asks the issuer again for so long."""
_LEAST_BITS = 2048

FetchKeys = Callable[[], Iterable[Mapping[str, Any]]]
"""Returns JSON Web Keys (RFC 7517). Raises AuthenticationUnavailable."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _KeySet:
    keys: Mapping[str, RSAPublicKey]
    fetched_at: float


class SigningKeys:
    """The issuer's keys by their ids.

    One thread at a time fetches; the others use the key that they look for, if it is there and
    not too old, or wait for the one who fetches.
    """

    def __init__(
        self,
        fetch: FetchKeys,
        *,
        wait_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._wait_seconds = wait_seconds
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known = _KeySet({}, float("-inf"))
        self._retry_at = float("-inf")
        self._search_at = float("-inf")

    def fresh(self, key_id: str) -> RSAPublicKey | None:
        """Return a key that is known and young: for that, nobody has to wait."""
        return self._known.keys.get(key_id) if self._age() < LIFETIME_SECONDS else None

    def get(self, key_id: str) -> RSAPublicKey:
        """Return a key; may wait for the issuer.

        Raises NotAuthenticated if the issuer has no such key, AuthenticationUnavailable if that
        cannot be told.
        """
        if self._should_fetch(key_id):
            is_usable = self._usable(key_id) is not None
            # With a usable key at hand nobody waits for the one who is fetching.
            if self._lock.acquire(timeout=0 if is_usable else self._wait_seconds):
                try:
                    if self._should_fetch(key_id):  # not by the thread that was waited for
                        self._renew()
                finally:
                    self._lock.release()
            elif not is_usable:
                raise AuthenticationUnavailable("fetching the issuer's keys takes too long")
        key = self._usable(key_id)
        if key is not None:
            return key
        if self._monotonic() < self._retry_at or self._age() >= MAX_STALE_SECONDS:
            raise AuthenticationUnavailable("the issuer's keys cannot be fetched")
        raise NotAuthenticated("the token's key is not one of the issuer's")

    def _should_fetch(self, key_id: str) -> bool:
        now = self._monotonic()
        if now < self._retry_at:
            return False
        if self._age() >= LIFETIME_SECONDS:
            return True
        return key_id not in self._known.keys and now >= self._search_at

    def _renew(self) -> None:
        is_search = self._age() < LIFETIME_SECONDS
        try:
            keys = _usable_keys(self._fetch())
        except AuthenticationUnavailable as error:
            self._retry_at = self._monotonic() + FAILURE_SECONDS
            _log.warning(
                "The keys of the issuer cannot be fetched.", extra={"error.message": str(error)}
            )
            return
        self._known = _KeySet(keys, self._monotonic())
        if is_search:
            self._search_at = self._monotonic() + SEARCH_SECONDS

    def _usable(self, key_id: str) -> RSAPublicKey | None:
        return self._known.keys.get(key_id) if self._age() < MAX_STALE_SECONDS else None

    def _age(self) -> float:
        return self._monotonic() - self._known.fetched_at


def _usable_keys(keys: Iterable[Mapping[str, Any]]) -> dict[str, RSAPublicKey]:
    """Parse what may check a signature of ours; a set holds keys for other uses too."""
    usable = {
        key["kid"]: parsed
        for key in keys
        if isinstance(key.get("kid"), str)
        and key.get("kty") == "RSA"
        and key.get("use", "sig") == "sig"
        and key.get("alg", ALGORITHM) == ALGORITHM
        and (parsed := _parsed(key))
    }
    if not usable:
        raise AuthenticationUnavailable("none of the issuer's keys can be used")
    return usable


def _parsed(key: Mapping[str, Any]) -> RSAPublicKey | None:
    try:
        parsed = jwt.PyJWK({**key}, ALGORITHM).key
    except jwt.PyJWTError:
        return None
    is_strong = isinstance(parsed, RSAPublicKey) and parsed.key_size >= _LEAST_BITS
    return parsed if is_strong else None
