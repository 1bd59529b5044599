"""Accounts, tokens, invites and the audit log over HTTP."""
