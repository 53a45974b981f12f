"""Recipes: what a training is to be, as typed tables with units. No torch here."""
