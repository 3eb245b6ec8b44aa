"""What every view of the API shares: problem details, strict input, lists, tags, safe retries, limits, the schema."""
