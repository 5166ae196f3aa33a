"""Accuracy of published weights on any folder of class folders (Table 2): one image at a time, in the fastest runtime.

Here live the runtimes that may serve, the journal that a stopped evaluation goes on from, and the measurement.
No listing of images (`data.labelled_images`), no intervals (`stats.paired_accuracy`), no table.
"""
