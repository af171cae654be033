"""The dispatch queue on Redis, in arq's format. It may lose everything at any time: the database fills it again."""
