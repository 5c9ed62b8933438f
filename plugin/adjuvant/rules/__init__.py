"""What the header decides: which images are read, by whom, when, and what becomes of the results.

`syntax.py` reads a rule set as it is written in orthanc.json, `ruleset.py` decides with it.
"""
