"""Networks, built from parts by name. Needs the ``train`` extra."""
