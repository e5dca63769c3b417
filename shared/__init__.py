"""Everything the functions share: domain, jobs, store, clients and web."""
