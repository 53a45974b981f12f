"""Results made visible: drawn on pictures, and faces blurred."""
