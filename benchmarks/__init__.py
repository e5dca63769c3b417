"""What things cost, measured: `make bench-…`. Results are in docs/performance.md."""
