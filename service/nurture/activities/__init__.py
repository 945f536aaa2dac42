"""Activities: what leads did, and what we did to reach them, as others tell it."""
