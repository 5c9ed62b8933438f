"""Scans and outlines out of an archive or a folder -> a pseudonymous collection."""
