"""Webhook endpoints: who wants to hear what, where, and what came of it."""
