"""Measures of the product management organisation come here: requirements, pipeline, objectives."""
