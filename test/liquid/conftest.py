import pytest
import torch
from variants import VARIANTS, build

torch.set_num_threads(1)  # small tensors: a second thread costs more than it brings


@pytest.fixture(params=VARIANTS)
def cell(request):
    return build(request.param)
