"""A round of chaos: `python -m tests.chaos [--seed N] [--requests N] [--seconds S]`.

Everything random (bodies, faults, kills, outages, operators) is drawn from the seed. The processes
are real, though, and meet in an order that no seed decides: the same seed gives the same kind of
round, not the same round. What a failing round leaves behind is kept for that reason.
"""

from __future__ import annotations

import argparse
import logging
import random
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from local.children import Children, Stopped
from local.screen import open_console
from local.stopping import EXIT_CODE, StopSignals
from tests.chaos.peers import running_peers
from tests.chaos.plan import REQUESTS, SECONDS, Plan
from tests.chaos.round import Round
from tests.chaos.screen import Screen
from tests.chaos.verdict import judge_round
from tests.crash.judge import Finding

EXIT_BROKEN = 1


def main(arguments: list[str] | None = None) -> int:
    """Run a round; 0 if every promise was kept, 1 if not, 130 if told to stop."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="repeat the dice of an earlier round")
    parser.add_argument("--requests", type=int, default=REQUESTS, metavar="N")
    parser.add_argument("--seconds", type=float, default=SECONDS, metavar="S")
    options = parser.parse_args(arguments)
    seed = random.randrange(1_000_000) if options.seed is None else options.seed
    plan = Plan(seed, options.requests, options.seconds)
    # The operators act in this process; what they are refused is counted, not logged.
    logging.getLogger("shared").addHandler(logging.NullHandler())
    console = open_console()
    console.print(f"seed {seed}: {plan.requests} requests, {plan.seconds:g} s of chaos")
    screen = Screen(console, plan.requests)
    directory = Path(tempfile.mkdtemp(prefix="oms-chaos-"))
    try:
        with StopSignals() as stop:
            findings = _judged_round(plan, directory, stop, screen)
    except Stopped:
        console.print("Stopped, as asked.")
        shutil.rmtree(directory)
        return EXIT_CODE
    except BaseException:
        console.print(f"The round came to grief. Database and logs: {directory}", soft_wrap=True)
        raise
    screen.verdict(findings)
    if not all(finding.is_kept for finding in findings):
        console.print(f"Database and logs: {directory}", soft_wrap=True)
        return EXIT_BROKEN
    shutil.rmtree(directory)
    return 0


def _judged_round(
    plan: Plan, directory: Path, stop: StopSignals, screen: Screen
) -> Sequence[Finding]:
    with Children(directory, stop) as children, running_peers(plan, directory, children) as peers:
        one = Round(plan, peers, screen.show)
        with screen.following():
            state = one.run()
        return judge_round(one, state, peers)


if __name__ == "__main__":
    sys.exit(main())
