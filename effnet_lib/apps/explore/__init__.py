"""What `notebooks/explore.ipynb` shows: networks under sliders, and the Lite trio on a picture of yours."""
