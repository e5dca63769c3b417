"""The settings: read once from the environment, validated, frozen (contracts, section 5).

A module for each group, with the rules that its values keep. The descriptions are the
documentation: the README's table is made from them.
"""

from __future__ import annotations

from shared.settings.api import ApiSettings
from shared.settings.console import ConsoleSettings
from shared.settings.database import DatabaseSettings
from shared.settings.events import EventSettings
from shared.settings.jobs import JobSettings
from shared.settings.loading import load_settings
from shared.settings.peers import PeerSettings
from shared.settings.telemetry import TelemetrySettings

__all__ = ["Settings", "load_settings"]


class Settings(
    # The table begins with the last one.
    TelemetrySettings,
    ConsoleSettings,
    ApiSettings,
    EventSettings,
    JobSettings,
    PeerSettings,
    DatabaseSettings,
):
    """All settings."""
