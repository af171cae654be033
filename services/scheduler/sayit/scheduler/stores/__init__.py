"""The database, through SQLAlchemy Core: SQLite (WAL) on a laptop, PostgreSQL in production. It is the truth."""
