"""From data sets to what a model is trained on: manifests, augmentation, batches."""
