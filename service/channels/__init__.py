"""Channels: one pure file a vendor, to verify, answer and translate what it sends."""
