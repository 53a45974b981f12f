"""Networks, built from parts by name. Needs the ``train`` extra."""

from affekt.privacy import keep_no_fonts, send_nothing

send_nothing()  # before a module of this room imports timm and whatever comes along with torch
keep_no_fonts()
