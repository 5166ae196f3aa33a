"""Send a profile's queue to a host without network or data: code, records and images in parts, checked there."""
