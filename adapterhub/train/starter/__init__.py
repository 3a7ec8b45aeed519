"""A recipe to begin with, for rows and a base that are there."""
