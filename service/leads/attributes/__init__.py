"""Custom attributes: what users want to know of leads besides what everybody wants to know, with types if they define them."""
