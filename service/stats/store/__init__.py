"""All SQL of the statistics: where counts come from, who is behind them, how deltas are folded and how everything is recounted."""
