"""Everything the three functions share: domain, jobs, store, clients and web."""
