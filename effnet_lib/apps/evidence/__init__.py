"""What is published, for machines: JSON schemas, an RO-Crate of the evidence, Croissant of the embedded data sets."""
