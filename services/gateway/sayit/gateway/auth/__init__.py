"""Who may call: API keys and the principal that each stands for."""
