"""What JPEG costs an image of 32 px: a linear probe on photographs as they are, and through that encoding.

    python benchmarks/encoding.py [--train 4000] [--test 2000]      about 10 minutes on a core; needs imagenette-224

Photographs are reduced to 32 px, stored losslessly or as JPEG of quality 75 with halved colour (as CIFAR-10 is where
figures say so), and shown to Lite0 at 224 px. Measured 2026-11-26 with the defaults: 88.25 % and 80.10 % top-1.
"""

import argparse
import io

import numpy as np
import torch
from PIL import Image

from effnet_lib.data import datasets, image_folder, image_reader
from effnet_lib.measure.transfer import linear_probe
from effnet_lib.measure.transfer.features import BATCH, folded
from effnet_lib.models import pretrained

IMAGE_SIZE, QUALITY, HALVED = 32, 75, 2


def main() -> None:
    """Print top-1 of both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=int, default=4000, help="training images (default: 4000)")
    parser.add_argument("--test", type=int, default=2000, help="test images (default: 2000)")
    given = parser.parse_args()
    torch.set_num_threads(1)
    network = pretrained.load("lite0")
    model = folded(network.model).to(memory_format=torch.channels_last)
    folder = datasets.declare("imagenette-224").folder

    def reduced(path, lossy: bool) -> np.ndarray:
        image = image_reader.read(path).resize((IMAGE_SIZE,) * 2, Image.Resampling.LANCZOS)
        if lossy:
            held = io.BytesIO()
            image.save(held, "JPEG", quality=QUALITY, subsampling=HALVED)
            image = Image.open(held)
        return np.asarray(image.resize((network.px, network.px), Image.Resampling.BICUBIC))

    def features(part: str, images: int, lossy: bool) -> tuple[np.ndarray, np.ndarray]:
        files, labels, _ = image_folder.list_images(folder, part)
        rows = np.sort(np.random.default_rng(1).permutation(len(files))[:images])
        seen = []
        for start in range(0, len(rows), BATCH):
            shown = torch.from_numpy(np.stack([reduced(files[row], lossy) for row in rows[start : start + BATCH]]))
            with torch.inference_mode():
                maps = model.forward_features(network.standardise(shown))
                seen.append(model.forward_head(maps, pre_logits=True).numpy())
        return np.concatenate(seen), np.asarray(labels)[rows]

    for lossy in (False, True):
        train, labels = features("train", given.train, lossy)
        test, truth = features("val", given.test, lossy)
        fitted = linear_probe.fit(train, labels, test)
        print(f"{'JPEG' if lossy else 'lossless':9} {100 * (fitted.predicted == truth).mean():.2f} %, C = {fitted.c:g}")


if __name__ == "__main__":
    main()
