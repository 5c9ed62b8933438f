"""Simulate scans, train networks on them, measure them and release them for the plugin."""
