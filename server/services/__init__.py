"""Use cases. They raise domain exceptions and know nothing of HTTP."""
