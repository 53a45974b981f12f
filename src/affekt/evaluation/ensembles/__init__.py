"""Several models averaged into one: what each says, which to take, and what to doubt."""
