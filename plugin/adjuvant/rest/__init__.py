"""The routes below `/adjuvant`: each module defines some, `adjuvant.api` lists them all."""
