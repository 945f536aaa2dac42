"""Questions and answers as they go over the wire: one file a question."""
