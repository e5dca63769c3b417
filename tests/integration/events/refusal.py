from __future__ import annotations


class Refused(Exception):
    """The credential is not accepted; the text is the broker's message."""
