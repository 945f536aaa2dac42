"""Statistics of deadlines: how soon leads are responded to, and how many deadlines are met."""
