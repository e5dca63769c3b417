"""The embedded peers for development: simulators, broker and consumer. Never deployed."""
