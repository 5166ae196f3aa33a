"""Time Lite0's evaluation against a plain loop, decoding included: python benchmarks/evaluation.py FOLDER [IMAGES]

Alternated block by block in one process on one thread: the loop that anybody would write (Pillow, NCHW, an image at a
time) and the runtime that `measure.evaluation` chooses. Prints images a second of CPU time and the median ratio.
"""

import statistics
import sys
import time
from pathlib import Path

import torch

from effnet_lib.data import image_reader, labelled_images
from effnet_lib.measure.evaluation import engine
from effnet_lib.models import pretrained

BLOCK = 25


def seconds(network: pretrained.Pretrained, logits: engine.Logits, files: list[Path]) -> float:
    """Return the CPU seconds that reading and predicting some images takes."""
    begun = time.process_time()
    for file in files:
        pixels = network.pixels(image_reader.read(file))
        logits(network.standardise(torch.from_numpy(pixels)[None]))
    return time.process_time() - begun


def main(folder: str, images: int = 400) -> None:
    """Alternate both over the first images of a folder of class folders."""
    torch.set_num_threads(1)
    files = [file for file, _ in labelled_images.listed(Path(folder))][:images]
    network = pretrained.load("lite0")
    sample = [network.transform(image_reader.read(file))[None] for file in files[:8]]
    plain, chosen = engine.eager(network.model), engine.fastest(network.model, sample, engine.WORTH)
    print(f"chosen: {chosen.words}, logits within {chosen.error:.1e}")
    ratios, spent = [], [0.0, 0.0]
    for start in range(0, len(files), BLOCK):
        block = files[start : start + BLOCK]
        both = [seconds(network, logits, block) for logits in (plain, chosen.logits)]
        ratios.append(both[0] / both[1])
        spent = [total + one for total, one in zip(spent, both, strict=True)]
    rates = [len(files) / total for total in spent]
    print(f"plain loop {rates[0]:.1f} images a CPU second, chosen {rates[1]:.1f}")
    print(f"median ratio of {len(ratios)} blocks: {statistics.median(ratios):.2f} (least {min(ratios):.2f})")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
