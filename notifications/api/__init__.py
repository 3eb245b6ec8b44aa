"""The API of watches, stakeholders and notices."""
