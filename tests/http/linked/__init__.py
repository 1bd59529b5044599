"""Linked Data over HTTP, on the sample catalogue."""
