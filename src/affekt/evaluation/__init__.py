"""How good a model is: metrics, their intervals, calibration and whole evaluations."""
