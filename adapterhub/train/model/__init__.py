"""The model that trains: a copy of the base, and the method on it."""
