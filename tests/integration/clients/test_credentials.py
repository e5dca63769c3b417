"""Every way to authenticate against a peer that checks it: right, wrong and expiring."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from local import reference_data
from local.clock import ManualClock
from local.serving import ServerThread
from local.thunderhead import ThunderheadOptions, create_app
from local.thunderhead.options import TOKEN_PATH
from shared.clients.http import HttpClient
from shared.clients.oauth2 import OAuth2ClientCredentials
from shared.clients.reference_data import ReferenceDataClient
from shared.clients.thunderhead import ThunderheadClient
from shared.domain.thunderhead import CallFailed, Forbidden, NotFound
from shared.domain.timing import utc_now
from shared.errors import ReferenceDataUnavailable
from tests.unit.clients.support import TRACEPARENT, make_settings

USERS = {"oauth2": "oms-local", "oauth1": "oms-local!oms-user", "basic": "oms-local"}
SECRET = "oms-local-only"


class Platform:
    """Thunderhead with authentication, and a clock of its own."""

    def __init__(self, server: ServerThread, clock: ManualClock, kind: str) -> None:
        self.url = server.url
        self.clock = clock
        self._kind = kind

    def client(self, *, user: str | None = None, secret: str = SECRET) -> ThunderheadClient:
        settings = make_settings(
            thunderhead_base_url=f"{self.url}/thunderhead/v1",
            thunderhead_auth=self._kind,
            thunderhead_client_id=user or USERS[self._kind],
            thunderhead_client_secret=secret,
            thunderhead_token_url=self.url + TOKEN_PATH,
        )
        return ThunderheadClient(settings, utc_now)

    def calls(self) -> dict[str, int]:
        """Count the calls by operation, without those that never came."""
        counts = requests.get(f"{self.url}/_simulator/requests", timeout=5).json()
        return {name: count for name, count in counts.items() if count}


@contextmanager
def platform(kind: Any, token_lifetime_seconds: int = 3600) -> Iterator[Platform]:
    clock = ManualClock()
    options = ThunderheadOptions(
        authentication=kind, clock=clock, token_lifetime_seconds=token_lifetime_seconds
    )
    with ServerThread(create_app(options)) as server:
        yield Platform(server, clock, kind)


@pytest.mark.parametrize("kind", USERS)
def test_right_credentials_open_the_api(kind: str) -> None:
    with platform(kind) as thunderhead:
        assert isinstance(thunderhead.client().find("unknown", TRACEPARENT), NotFound)


@pytest.mark.parametrize("wrong", [{"secret": "wrong"}, {"user": "nobody!here"}], ids=str)
@pytest.mark.parametrize("kind", ["oauth1", "basic"])
def test_wrong_credentials_are_tried_once(kind: str, wrong: dict[str, str]) -> None:
    with platform(kind) as thunderhead:
        client = thunderhead.client(**wrong)
        assert client.submit(b"{}", TRACEPARENT) == Forbidden("Thunderhead answered 401")
        assert thunderhead.calls() == {"submit": 1}
        assert isinstance(client.poll("7", TRACEPARENT), CallFailed)


@pytest.mark.parametrize("wrong", [{"secret": "wrong"}, {"user": "nobody!here"}], ids=str)
def test_wrong_client_credentials_send_nothing(wrong: dict[str, str]) -> None:
    with platform("oauth2") as thunderhead:
        client = thunderhead.client(**wrong)
        refused = Forbidden("the token endpoint answered 401")
        assert client.submit(b"{}", TRACEPARENT) == refused
        # The failure is remembered: the endpoint is not hammered.
        assert client.submit(b"{}", TRACEPARENT) == refused
        assert thunderhead.calls() == {"token": 1}


def test_a_token_that_the_peer_let_expire_is_replaced_within_the_call() -> None:
    with platform("oauth2") as thunderhead:
        client = thunderhead.client()
        assert isinstance(client.find("unknown", TRACEPARENT), NotFound)
        thunderhead.clock.advance(3601)  # which our own clock knows nothing of
        assert isinstance(client.find("unknown", TRACEPARENT), NotFound)
        assert thunderhead.calls() == {"token": 2, "lookup": 3}


def test_a_token_is_renewed_before_it_expires() -> None:
    with platform("oauth2", token_lifetime_seconds=40) as thunderhead:
        auth = OAuth2ClientCredentials(
            thunderhead.url + TOKEN_PATH,
            USERS["oauth2"],
            SecretStr(SECRET),
            timeout_seconds=5,
            monotonic=thunderhead.clock,
        )
        http = HttpClient(
            thunderhead.url, timeout_seconds=5, auth=auth, monotonic=thunderhead.clock
        )
        tokens = []
        for _ in range(3):
            path = "/thunderhead/v1/batches?clientReference=unknown"
            assert http.request("GET", path).status == 200
            tokens.append(thunderhead.calls()["token"])
            thunderhead.clock.advance(16)  # renewed after 30 seconds: a quarter is the margin
        assert tokens == [1, 1, 2]


def test_the_token_of_reference_data_is_checked() -> None:
    options = reference_data.ReferenceDataOptions(bearer_token="right")
    with ServerThread(reference_data.create_app(options)) as server:

        def languages(token: str | None) -> frozenset[str]:
            settings = make_settings(reference_data_base_url=server.url, reference_data_token=token)
            return ReferenceDataClient(settings, utc_now).codes("LANGUAGE", date(2026, 3, 1))

        assert "EN" in languages("right")
        for token in ("wrong", None):
            with pytest.raises(ReferenceDataUnavailable):
                languages(token)
