"""One step of each cell as an ONNX graph gives PyTorch's numbers in ONNX Runtime."""

import io
import warnings

import numpy as np
import onnxruntime
import pytest
import torch
from variants import INPUTS, VARIANTS, build


class Step(torch.nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, x, hx, dt):
        return tuple(out for out in self.cell.step(x, hx, dt) if out is not None)


@pytest.mark.parametrize(
    ('variant', 'dynamo'), [*((variant, False) for variant in VARIANTS), ('ltc', True), ('ncp_cfc_mixed', True)]
)
@pytest.mark.slow
def test_onnx_gives_the_same_numbers_over_100_steps(variant, dynamo):
    cell = build(variant).float().eval()
    module = Step(cell)
    example = (torch.randn(1, INPUTS), cell.initial_state(1), torch.full((1, 1), 0.7))
    file = io.BytesIO()
    options = {'dynamo': True, 'verbose': False} if dynamo else {'dynamo': False}
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(module, example, file, input_names=['x', 'hx', 'dt'], **options)
    session = onnxruntime.InferenceSession(file.getvalue(), providers=['CPUExecutionProvider'])
    used = [i.name for i in session.get_inputs()]
    assert set(used) >= ({'x'} if variant == 'none' else {'x', 'hx'})

    torch.manual_seed(0)
    hx, onnx_hx = example[1], example[1].numpy()
    with torch.no_grad():
        for _ in range(100):
            x, dt = torch.randn(1, INPUTS), torch.rand(1, 1) * 2 + 0.1
            outputs = module(x, hx, dt)
            feed = {'x': x.numpy(), 'hx': onnx_hx, 'dt': dt.numpy()}
            results = session.run(None, {name: feed[name] for name in used})
            assert len(results) == len(outputs)
            for ours, theirs in zip(outputs, results):
                np.testing.assert_allclose(theirs, ours.numpy(), rtol=1e-4, atol=1e-5)
            hx, onnx_hx = outputs[1], results[1]
