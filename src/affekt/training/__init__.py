"""Training and export. Needs the ``train`` extra."""
