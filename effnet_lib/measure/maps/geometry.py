"""Where the cells of a feature map lie in the image, and how to get more cells from the same weights.

A 3 x 3 convolution of stride 2 that pads one pixel on both sides centres its output i on input 2i, so cell i of a map
of stride s is centred on pixel s * i: not on the middle of the i-th square of s pixels, which is (s - 1) / 2 further
(7.5 pixels at stride 16). Enlarging a map as if it were a small photograph therefore shifts it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...core.errors import ParameterError

if TYPE_CHECKING:
    import torch
    from torch import nn

STRIDES = (32, 16, 8)


@dataclass(frozen=True)
class Cells:
    """Cells of a map along one side: cell i is centred on pixel `offset + step * i` of an image of `px` pixels.

    The names are in stored records.
    """

    count: int
    step: float
    offset: float
    px: int

    def weights(self, frame: int) -> "torch.Tensor":
        """Return the linear interpolation from cells to pixels; beyond the outermost centres a map is constant.

        Args:
            frame: pixels a side at which the same image is shown.

        Returns:
            (frame, count) float32, rows sum to 1.
        """
        import torch

        pixel = (torch.arange(frame, dtype=torch.float64) + 0.5) * self.px / frame - 0.5
        place = ((pixel - self.offset) / self.step).clamp(0, self.count - 1)
        return (1 - (place[:, None] - torch.arange(self.count)).abs()).clamp(min=0).float()


def squares(count: int, frame: int) -> Cells:
    """Return `count` cells a side that are equal squares of a frame in pixels: what pooled maps are made of."""
    step = frame / count
    return Cells(count, step, (step - 1) / 2, frame)


def strided(model: "nn.Module") -> "list[nn.Conv2d]":
    """List the convolutions of the path that sets a map's geometry, in forward order: stem and depthwise ones.

    Raises:
        ParameterError: for a network that is not one of timm's rows of blocks (EfficientNet, MobileNet).
    """
    if not (hasattr(model, "conv_stem") and hasattr(model, "blocks")):
        raise ParameterError(
            "model", type(model).__name__, "a network with conv_stem and blocks, as timm's EfficientNet"
        )
    blocks = [block for stage in model.get_submodule("blocks").children() for block in stage.children()]
    return [_convolution(model, "conv_stem"), *(_convolution(block, "conv_dw") for block in blocks)]


def _convolution(module: "nn.Module", name: str) -> "nn.Conv2d":
    from torch import nn

    found = module.get_submodule(name)
    assert isinstance(found, nn.Conv2d)
    return found


def cells(model: "nn.Module", image_size: int) -> Cells:
    """Return the cells of a network's last feature map for square images of `image_size` pixels."""
    size, jump, offset = image_size, 1, 0.0
    for conv in strided(model):
        (kernel, _), (stride, _), (dilation, _) = conv.kernel_size, conv.stride, conv.dilation
        reach = dilation * (kernel - 1)
        out = -(-size // stride)
        if type(conv).__name__ == "Conv2dSame":  # TensorFlow's padding: the odd pixel goes to the end
            before = max((out - 1) * stride + reach + 1 - size, 0) // 2
        else:
            before = int(conv.padding[0])
        offset += jump * (reach / 2 - before)
        size, jump = out, jump * stride
    return Cells(size, jump, offset, image_size)


def dilate(model: "nn.Module", output_stride: int) -> "nn.Module":
    """Turn the last strides into dilations, in place, so that the last map has at most `output_stride`; return it.

    The weights stay: the original map's cells are among the new ones, with the same values but for squeeze-excitation,
    which averages over all cells (Yu & Koltun 2016; timm's `output_stride` would, in addition, give a skip to a block
    that loses its stride).

    Raises:
        ParameterError: for another stride than 32, 16 or 8.
    """
    if output_stride not in STRIDES:
        raise ParameterError("output_stride", output_stride, ", ".join(map(str, STRIDES)))
    jump, dilation = 1, 1
    for conv in strided(model):
        stride, used = conv.stride[0], dilation
        if jump * stride > output_stride:
            conv.stride, dilation = (1, 1), dilation * stride
        jump *= conv.stride[0]
        if used > 1:
            conv.dilation = (used, used)
            if type(conv).__name__ != "Conv2dSame":  # which pads by itself
                conv.padding = (used * (conv.kernel_size[0] // 2),) * 2
    return model


def stride_for(image_size: int, least: int = 4) -> int:
    """Return the largest output stride at which an image gets at least `least` cells a side.

    Every stride of 2 halves the side and rounds up, so at stride s there are ceil(image_size / s).

    Raises:
        ParameterError: where even stride 8 does not suffice.
    """
    for stride in STRIDES:
        if -(-image_size // stride) >= least:
            return stride
    accepted = f"at least {STRIDES[-1] * (least - 1) + 1} px, for {least} cells a side at stride 8"
    raise ParameterError("image_size", image_size, accepted)
