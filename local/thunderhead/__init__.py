"""Simulator of the Thunderhead API: takes batches, generates nothing, answers as the vendor would.

Progress is computed from a clock when somebody asks, so there is no background work: a batch
costs one entry in memory. The ledger says which documents were generated and how often.
"""

from local.thunderhead.app import create_app
from local.thunderhead.options import ThunderheadOptions

__all__ = ["ThunderheadOptions", "create_app"]
