"""How much one gateway serves at once."""
