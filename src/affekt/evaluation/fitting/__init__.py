"""What is fitted on validation data: calibration, thresholds, the weights of an ensemble."""
