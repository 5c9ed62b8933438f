"""Which scan a person should draw next, and a draft of its outline to correct."""
