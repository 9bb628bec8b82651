"""What benchmarks/length.py says that a training step needs, against the tensors that it cannot do without."""

from types import SimpleNamespace

import length
import torch
from made_episode import make_episode

from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.windows import Windows


def test_needed_is_the_largest_batch_what_its_encoder_keeps_and_the_parameters_fourfold(monkeypatch):
    episode = make_episode(200)
    height, width = episode.images.shape[1:3]
    monkeypatch.setattr(length, 'HEIGHT', height)
    monkeypatch.setattr(length, 'WIDTH', width)
    config = TrainConfig(steps=3, epochs=1)
    frames = max(batch.frames.flatten(0, 1).shape[0] for batch in Windows([episode], config))
    # Of a frame: itself, its standardised floats, and what each convolution gave, rectified in place.
    kept, values = 0, torch.zeros(1, 3, height, width)
    for kernel, stride, channels in ((5, 3, 16), (3, 2, 16), (3, 2, 32), (3, 1, 8)):
        values = torch.nn.functional.conv2d(
            values, torch.zeros(channels, values.shape[1], kernel, kernel), stride=stride
        )
        kept += values.numel()
    least_mb = frames * (height * width * 3 * 5 + 4 * kept) / 1e6
    needed_mb = length.needed_mb(SimpleNamespace(train=[episode]), config)
    # The rest is the cell's and the parameters', a MB or two.
    assert least_mb < needed_mb < 1.1 * least_mb + 3.0
