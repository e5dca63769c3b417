"""Runs the Thunderhead simulator as a process: `python -m local.thunderhead --port 8082`."""

import argparse
from pathlib import Path

from local.serving import run_until_signalled
from local.thunderhead.app import create_app
from local.thunderhead.options import ThunderheadOptions


def read_options(arguments: list[str] | None = None) -> tuple[ThunderheadOptions, int]:
    """Read the command line: the simulator's options and the port."""
    default = ThunderheadOptions()
    parser = argparse.ArgumentParser(
        prog="python -m local.thunderhead", description="Thunderhead API simulator"
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--base-path", default=default.base_path)
    parser.add_argument("--configurations-file", type=Path, default=default.configurations_file)
    parser.add_argument(
        "--authentication",
        choices=("oauth2", "oauth1", "basic", "none"),
        default=default.authentication,
    )
    parser.add_argument("--client-id", default=default.client_id)
    parser.add_argument("--client-secret", default=default.client_secret)
    parser.add_argument("--oauth1-user", default=default.oauth1_user)
    parser.add_argument(
        "--token-lifetime-seconds", type=int, default=default.token_lifetime_seconds
    )
    parser.add_argument("--references-not-unique", action="store_true")
    parser.add_argument("--lookup-not-supported", action="store_true")
    parser.add_argument("--bad-documents-not-named", action="store_true")
    parser.add_argument("--visibility-seconds", type=float, default=default.visibility_seconds)
    parser.add_argument(
        "--generation-seconds",
        type=_span,
        default=default.generation_seconds,
        help="from acceptance to the end: one number, or shortest:longest",
    )
    parser.add_argument("--stopping-seconds", type=float, default=default.stopping_seconds)
    parser.add_argument("--submit-retry-after", default=default.submit_retry_after)
    parser.add_argument("--latency-seconds", type=float, default=default.latency_seconds)
    parser.add_argument("--stall-seconds", type=float, default=default.stall_seconds)
    parser.add_argument("--drip-seconds", type=float, default=default.drip_seconds)
    parser.add_argument("--late-seconds", type=float, default=default.late_seconds)
    parser.add_argument("--seed", type=int, default=default.seed)
    given = vars(parser.parse_args(arguments))
    port: int = given.pop("port")
    options = ThunderheadOptions(
        references_unique=not given.pop("references_not_unique"),
        lookup_supported=not given.pop("lookup_not_supported"),
        names_bad_documents=not given.pop("bad_documents_not_named"),
        **given,
    )
    return options, port


def _span(text: str) -> tuple[float, float]:
    shortest, _, longest = text.partition(":")
    return float(shortest), float(longest or shortest)


def main() -> None:
    """Run the simulator."""
    options, port = read_options()
    run_until_signalled(create_app(options), port, options.base)


if __name__ == "__main__":
    main()
