"""What is wrong with this installation, and what to do: each check is a function that examines one thing."""
