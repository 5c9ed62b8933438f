"""What to do with a new model version: the lines to type, first as a shadow."""

from __future__ import annotations

STEPS = """\
To try it beside the version in service, on a running Orthanc (docs/models.md):

  A=http://localhost:8042/adjuvant     # curl -u NAME:PASSWORD where Orthanc has users
  curl $A/models                                                          # is it there, and sound?
  curl -X POST -d '{{"Version": "{version}"}}' $A/models/{name}/shadow    # reads along, in silence
  curl $A/models/{name}/shadow                                            # how do both compare?
  curl -X POST -d '{{"Version": "{version}"}}' $A/models/{name}/activate  # puts it in service
  curl -X POST -d '' $A/models/{name}/roll-back                           # back, at once
"""


def next_steps(name: str, version: str) -> str:
    """The lines for this version."""
    return STEPS.format(name=name, version=version)
