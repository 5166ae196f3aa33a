"""Published ImageNet weights on other data sets (Table 5): linear probes, fine-tuning and training from scratch.

Here live features, which are kept on disk, the probe, and the jobs that the trainer of everything else trains.
No data sets (`data.transfer_datasets`), no weights (`models.pretrained`), no training loop of its own.
"""
