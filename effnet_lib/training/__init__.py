"""Train one network: recipes, input pipeline and augmentation, step, trainer, evaluation, checkpoints, process groups.

Which networks are trained, where their results are stored and what is drawn of them is the business of others.
"""
