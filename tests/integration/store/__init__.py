"""The tables against a real database file."""
