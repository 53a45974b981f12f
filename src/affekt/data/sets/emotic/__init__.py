"""EMOTIC: its layouts read into one form, checked, and written as a manifest."""
