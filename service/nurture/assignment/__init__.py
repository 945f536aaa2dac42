"""Who has which lead, and why: teams, turns, offers, the pool."""
