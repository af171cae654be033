"""The database, through SQLAlchemy Core: SQLite (WAL) on a laptop, PostgreSQL in production. It is the truth.

Every method of a store is one transaction: when it returns, its effect is durable; when it raises, nothing happened. A
database that does not answer raises SayItError UNAVAILABLE.
"""
