"""The score of a lead: the sum of a ledger of rules that fired, so that every point can be explained."""
