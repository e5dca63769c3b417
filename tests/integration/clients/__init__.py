"""Our clients against the simulators, which check credentials."""
