"""`python -m adjuvant doctor`: looks at everything that reading scans needs.

Everything but `probe` needs nothing but the standard library, because it has to work where the
packages are what is wrong. Nothing is changed by looking.
"""
