"""Breakages of what guards the borders: who may call us, and whom we call."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

CALLERS = "nobody gets in who may not, and nobody to what is another's"
CALLED = "what we send reaches those it is meant for, and nobody else"

WEB = "tests/unit/web"
BAD_TOKENS = f"{WEB}/test_bearer.py::test_a_token_that_proves_nothing"
CLAIMS = 'options={"require": ["exp", "iss", "aud"]}'
HTTP = "tests/unit/clients/test_http.py"

BREAKAGES = (
    Breakage(
        "a token's signature is not verified",
        CALLERS,
        "shared/web/bearer.py",
        CLAIMS,
        'options={"verify_signature": False, "verify_aud": True, "verify_iss": True, '
        '"verify_exp": True, "verify_nbf": True, "require": ["exp", "iss", "aud"]}',
        BAD_TOKENS,
    ),
    Breakage(
        "a token for another audience is good",
        CALLERS,
        "shared/web/bearer.py",
        CLAIMS,
        'options={"verify_aud": False, "require": ["exp", "iss", "aud"]}',
        BAD_TOKENS,
    ),
    Breakage(
        "a token of another issuer is good",
        CALLERS,
        "shared/web/bearer.py",
        CLAIMS,
        'options={"verify_iss": False, "require": ["exp", "iss", "aud"]}',
        BAD_TOKENS,
    ),
    Breakage(
        "a token that has ended is good",
        CALLERS,
        "shared/web/bearer.py",
        CLAIMS,
        'options={"verify_exp": False, "require": ["exp", "iss", "aud"]}',
        BAD_TOKENS,
    ),
    Breakage(
        "a caller needs no role",
        CALLERS,
        "shared/web/security.py",
        "if self._role not in roles:",
        "if False:",
        f"{WEB}/test_bearer.py::test_a_caller_without_the_role_or_a_place_on_the_list",
    ),
    Breakage(
        "the principal's header is trusted where no platform wrote it",
        CALLERS,
        "shared/asgi.py",
        '            require_platform_authentication("OMS_API_AUTH")\n',
        "",
        "tests/unit/test_main.py::test_the_platform_is_trusted_only_where_it_authenticates",
    ),
    Breakage(
        "a route is left unguarded",
        CALLERS,
        "shared/web/calls.py",
        "    caller = await services.authenticate(request.headers)\n",
        "    caller = Caller('anonymous')\n",
        f"{WEB}/test_security.py::test_every_route_but_the_open_ones_is_guarded",
    ),
    Breakage(
        "another system's request can be read",
        CALLERS,
        "shared/jobs/queries.py",
        "if request is None or not caller.may_use(request.source_system):",
        "if request is None:",
        "tests/unit/jobs/test_queries.py::test_a_request_of_others_is_not_found",
    ),
    Breakage(
        "a list shows the requests of all",
        CALLERS,
        "shared/jobs/queries.py",
        "        mine = replace(where, source_systems=caller.source_systems)\n        # One",
        "        mine = where\n        # One",
        "tests/unit/jobs/test_queries.py::test_a_page_holds_only_what_the_caller_may_see",
    ),
    Breakage(
        "a caller submits for another system",
        CALLERS,
        "shared/web/submissions.py",
        "if not call.caller.may_use(request.source_system):",
        "if False:",
        f"{WEB}/test_submissions.py::test_foreign_source_system",
    ),
    Breakage(
        "calls are not counted",
        CALLERS,
        "shared/web/calls.py",
        "    services.throttle(caller)\n",
        "",
        f"{WEB}/test_throttling.py::test_each_caller_has_its_own_limit",
    ),
    Breakage(
        "a redirect is followed",
        CALLED,
        "shared/clients/http.py",
        "retries=False,\n                    redirect=False,",
        "retries=1,\n                    redirect=True,",
        f"{HTTP}::test_a_redirect_is_returned_and_not_followed",
    ),
    Breakage(
        "no certificate is checked",
        CALLED,
        "shared/clients/transport.py",
        'found["verify"], found["cert"]',
        'False, found["cert"]',
        f"{HTTP}::test_an_untrusted_certificate_is_not_sent",
    ),
    Breakage(
        "a broker's certificate may be another host's",
        CALLED,
        "shared/clients/bounded_tls.py",
        "        self._ends_at = 0.0\n",
        "        self._ends_at = 0.0\n        self.check_hostname = False\n",
        "tests/unit/clients/test_bounded_tls.py::test_a_certificate_must_fit",
    ),
    Breakage(
        "other systems are called without TLS outside local",
        CALLED,
        "shared/settings/environment.py",
        '            is_readable = url.scheme == "http" and url.hostname not in LOOPBACK\n',
        "            is_readable = False\n",
        "tests/unit/test_settings.py::test_an_address_without_tls_is_for_local_alone",
    ),
)
