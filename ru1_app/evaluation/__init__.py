"""The benchmark of the embedded models: what a run measures, how sure its figures are, and the page they fill.

A run writes each finished cell to a journal, so that it can be cut and go on; figures come with bootstrap
intervals over images, and two runs are compared pair by pair. Nothing here trains a model.
"""
