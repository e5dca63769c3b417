"""Azure SQL in the cloud, SQLite embedded: the same tables, the same statements."""
