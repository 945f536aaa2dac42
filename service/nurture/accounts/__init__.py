"""Accounts: the people of one company, seen together."""
