"""The border to manifests and opened models: what a model says of the rows of a manifest.

Each family of rows has a module here and an entry in `affekt.evaluation.reading.sets`; beyond this
border an evaluation knows heads only.
"""
