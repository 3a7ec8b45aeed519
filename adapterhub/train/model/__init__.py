"""The model that trains: a copy of the base, the method on it, and what it answers meanwhile."""
