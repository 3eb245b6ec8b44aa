"""What the pages of the dashboard fetch: a fixed number of queries each, however many rows there are."""
