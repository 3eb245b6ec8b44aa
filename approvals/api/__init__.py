"""The API of releases, gates, rounds and decisions, in the words of the pages."""
