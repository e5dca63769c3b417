"""The operator console: what is wrong, since when, what it touches, and one safe action."""
