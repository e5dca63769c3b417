"""The commands as child processes."""
