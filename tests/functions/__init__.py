"""The function folders in the worker's own runtime library. Run by `make test-functions`."""
