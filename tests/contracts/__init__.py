"""Hold docs/contracts to the code, and the code to docs/contracts."""
