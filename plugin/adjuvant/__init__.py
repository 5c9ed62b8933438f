"""Adjuvant: an AI second reader for thyroid scintigraphy inside an Orthanc PACS."""

__version__ = "0.1.0"
