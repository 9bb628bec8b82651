"""The convolutional head: one camera frame in, a small feature vector out."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lnn_controller.errors import InputError

__all__ = ['SMALLEST_SIDE', 'ConvEncoder']

# Of a frame smaller than this the four convolutions leave nothing, px.
SMALLEST_SIDE = 47


class ConvEncoder(nn.Module):
    """
    Four small convolutions and one linear map, after the head of the NCP paper's lane keeper.

    Each frame is standardised by its own mean and deviation inside the graph, so that brightness and contrast cancel
    and a deployed policy cannot forget the normalisation it was trained with.

    Source: Lechner et al., *Neural circuit policies enabling auditable autonomy*, 2020 (the idea of a small shared
    convolutional head before the liquid network; layer sizes are our own).

    :param height: frame height, pixels
    :param width: frame width, pixels
    :param features: length F of the feature vector
    :raises InputError: if the frame is smaller than the convolutions need
    """

    def __init__(self, height: int, width: int, features: int = 32) -> None:
        super().__init__()
        if min(height, width) < SMALLEST_SIDE:
            raise InputError(
                f'a frame must be at least {SMALLEST_SIDE} pixels high and wide. Got {height}×{width} (height × width)'
            )
        self.features = features
        # In place: nobody needs what a convolution gave below zero, and training keeps a tensor less of each.
        self.convolutions = nn.Sequential(
            nn.Conv2d(3, 16, 5, stride=3),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, 16, 3, stride=2),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, 32, 3, stride=2),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 8, 3),
            nn.ReLU(inplace=True),
            nn.Flatten(),
        )
        flat = self.convolutions(torch.zeros(1, 3, height, width)).shape[1]
        self.project = nn.Linear(flat, features)

    def forward(self, frames: Tensor) -> Tensor:
        """
        Encode frames.

        :param frames: rgb8 frames, uint8, (B, H, W, 3)
        :returns: features, about unit scale, (B, F)
        """
        # Normalised while the channels still lie innermost: one fused pass, and the convolutions then run on that
        # layout. The eps of one grey level² keeps a uniformly coloured frame finite.
        flat = frames.flatten(1).float()
        x = functional.layer_norm(flat, flat.shape[1:], eps=1.0).view(frames.shape).permute(0, 3, 1, 2)
        return torch.tanh(self.project(self.convolutions(x)))
