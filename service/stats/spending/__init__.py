"""What marketing costs: by channel, campaign and period."""
