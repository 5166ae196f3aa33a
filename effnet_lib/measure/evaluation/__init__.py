"""Accuracy of published weights on any folder of class folders (Table 2): one image at a time, in the fastest runtime.

Here live the runtimes that may serve, and the measurement, which goes on where it was stopped (`runs.journal`).
No listing of images (`data.labelled_images`), no intervals (`stats.paired_accuracy`), no table.
"""
