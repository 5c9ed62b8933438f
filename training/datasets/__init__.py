"""Data sets of a department's own scans: made, divided, described, checked and exchanged."""
