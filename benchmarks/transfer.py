"""Speed of feature extraction and accuracy of linear probes, against the bars that they must pass.

    python benchmarks/transfer.py                  # images a second and core: 20 for Lite0 at 224 px
    python benchmarks/transfer.py --accuracy       # also the probes of Lite0 on CIFAR-10: 76 % with 2,000 training
                                                   # images, 81 % with 10,000 (10 to 20 minutes on 2 cores)
    python benchmarks/transfer.py --accuracy 2000  # the smaller one only

Features are kept under results/cache: the second run is quick, and profile `photos` uses them. Speed is of wall time
and of processor time: on a busy machine only the latter says what the code can do.
"""

import argparse
import sys
import time

import numpy as np

from effnet_lib.core.errors import EffnetError
from effnet_lib.core.hardware import cpu_count
from effnet_lib.data import transfer_datasets
from effnet_lib.measure.transfer.features import BATCH, folded
from effnet_lib.measure.transfer.tasks import Probe
from effnet_lib.models import pretrained

SPEED = {"lite0": 20.0}  # images a second and core
ACCURACY = {2000: 76.0, 10_000: 81.0}  # training images: top-1 in percent
TEST_IMAGES = 2000


def speed(name: str, rounds: int) -> tuple[float, float]:
    """Return images a second by wall clock and by processor time, one thread, uint8 images to features."""
    import torch

    torch.set_num_threads(1)
    network = pretrained.load(name)
    model = folded(network.model).to(memory_format=torch.channels_last)
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (BATCH, network.px, network.px, 3), np.uint8))
    speeds = []
    with torch.inference_mode():
        for _ in range(rounds + 1):
            clocks = time.perf_counter(), time.process_time()
            model.forward_head(model.forward_features(network.standardise(pixels)), pre_logits=True)
            speeds.append((BATCH / (time.perf_counter() - clocks[0]), BATCH / (time.process_time() - clocks[1])))
    return tuple(np.median(speeds[1:], axis=0))


def main() -> int:
    """Measure, print a line each, and return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--accuracy", type=int, nargs="*", metavar="IMAGES", help="training images (default: both)")
    parser.add_argument("--test-images", type=int, default=TEST_IMAGES)
    args = parser.parse_args()
    missed = False
    for name in pretrained.LITE:
        wall, processor = speed(name, args.rounds)
        bar = SPEED.get(name)
        missed |= bool(bar and processor < bar)
        words = f", bar {bar:g}" if bar else ""
        image_size = pretrained.input_px(name)
        print(f"{name} {image_size} px: {wall:.1f} img/s by the clock, {processor:.1f} img/s of processor time{words}")
    if args.accuracy is not None:
        dataset = transfer_datasets.ensure(transfer_datasets.declare("cifar10"))
        for images in args.accuracy or ACCURACY:
            result = Probe("lite0", dataset, images, 0, args.test_images, cpu_count()).measure()
            bar = ACCURACY.get(images, 0.0)
            missed |= result["top1"] < bar
            error = 100 * np.sqrt(result["top1"] / 100 * (1 - result["top1"] / 100) / result["test_pictures"])
            print(
                f"lite0 linear probe, {images:,} training images: {result['top1']:.2f} % of "
                f"{result['test_pictures']:,} (standard error {error:.2f}), C = {result['c']:g}, bar {bar:g} %",
                flush=True,
            )
    return int(missed)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EffnetError as error:
        sys.exit(f"benchmarks/transfer.py: {error}")
