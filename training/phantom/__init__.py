"""Simulated planar thyroid scintigraphies with their true gland outline."""
