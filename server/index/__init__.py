"""The search index: a projection of the change log that can be thrown away."""
