"""Outlines drawn by people, however they were saved -> masks on the scan's own pixels."""
