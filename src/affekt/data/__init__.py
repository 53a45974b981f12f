"""Data sets on their way to a training: manifests, face crops, augmentation. Needs ``data``."""
