"""The SHACL suite of the W3C."""
