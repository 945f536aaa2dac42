"""Delivering events to endpoints: durable, in order for each lead, and none waits for another."""
