"""The outside world, with time limits and bounded retries."""
