"""
The closed-form continuous-time cell.

Source: Hasani et al., *Closed-form continuous-time neural networks*, Nature Machine Intelligence 2022.
"""

import itertools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lnn_controller.errors import InputError
from lnn_controller.liquid.cell import Cell, lecun_tanh, xavier_
from lnn_controller.settings import check_number

__all__ = ['ACTIVATIONS', 'HEADS', 'MODES', 'CfC', 'ClosedForm']

MODES = ('default', 'no_gate', 'pure')
#: heads of each mode in the order of their rows: f1, f2, then the gate's slope a and offset b
HEADS = {'default': 4, 'no_gate': 4, 'pure': 1}
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    'lecun_tanh': lecun_tanh,
    'tanh': torch.tanh,
    'relu': F.relu,
    'silu': F.silu,
    'gelu': F.gelu,
}


class ClosedForm(nn.Module):
    r"""
    The last lines of every CfC: from the heads' values z and Δt to new states and time constants.

    With f1, f2, a, b the heads and γ = σ(a Δt + b):
    default h' = (1 − γ) tanh f1 + γ tanh f2; no_gate h' = tanh f1 + γ tanh f2;
    pure h' = A − A exp(−Δt (\|w_τ\| + \|f1\|)) f1.

    :param mode: 'default', 'no_gate' or 'pure'
    :param units: number of neurons, N
    :raises InputError: if there is no such mode
    """

    w_tau: Tensor
    A: Tensor

    def __init__(self, mode: str, units: int) -> None:
        super().__init__()
        if mode not in MODES:
            raise InputError(f'a CfC mode must be one of {MODES}. Got {mode!r}')
        self.mode = mode
        if mode == 'pure':
            # The paper starts w_τ at 0, where |w_τ| has no gradient and would never learn: start just beside it.
            self.w_tau = nn.Parameter(torch.full((units,), 1e-3))
            self.A = nn.Parameter(torch.ones(units))

    def forward(self, z: Tensor, dt: Tensor, neurons: slice = slice(None)) -> Tensor:
        """
        Compute new states.

        :param z: heads side by side, (B, heads · n)
        :param dt: (B, 1) or (1, 1)
        :param neurons: which of the N neurons these n are
        :returns: (B, n)
        """
        if self.mode == 'pure':
            rate = self.w_tau[neurons].abs() + z.abs()
            return self.A[neurons] * (1.0 - torch.exp(-dt * rate) * z)
        f1, f2, a, b = z.chunk(4, dim=1)
        gate = torch.sigmoid(torch.addcmul(b, a, dt))
        f1, f2 = torch.tanh(f1), torch.tanh(f2)
        return torch.addcmul(f1, gate, f2 if self.mode == 'no_gate' else f2 - f1)

    def time_constants(self, z: Tensor, dt: Tensor, neurons: slice = slice(None)) -> Tensor:
        r"""
        Compute effective time constants.

        pure decays as exp(−Δt / τ) with τ = 1 / (\|w_τ\| + \|f1\|), as it stands in the equation. For the gated modes τ
        is derived, not part of the model: the gate γ stands in for 1 − exp(−Δt / τ), the share of the state that is
        replaced within Δt, hence τ = −Δt / ln(1 − γ) = Δt / softplus(a Δt + b).

        :param z: heads side by side, (B, heads · n)
        :param dt: (B, 1) or (1, 1)
        :param neurons: which of the N neurons these n are
        :returns: (B, n) in network time
        """
        if self.mode == 'pure':
            return 1.0 / (self.w_tau[neurons].abs() + z.abs())
        _, _, a, b = z.chunk(4, dim=1)
        return dt / F.softplus(torch.addcmul(b, a, dt)).clamp_min(1e-6)


class CfC(Cell):
    """
    A closed-form continuous-time cell with a shared backbone: z = backbone([x, h]), then the heads and the closed form.

    :param input_size: number of inputs, I
    :param units: number of neurons, N
    :param outputs: the first so many neurons are the motor outputs; None: all
    :param mode: 'default', 'no_gate' or 'pure'
    :param backbone_units: width of each backbone layer
    :param backbone_layers: number of backbone layers; 0: the heads see [x, h] themselves
    :param backbone_activation: 'lecun_tanh', 'tanh', 'relu', 'silu' or 'gelu'
    :param backbone_dropout: share of backbone activations dropped in training, after every layer (ncps drops none at
        its default depth)
    :raises InputError: if an option is out of range
    """

    def __init__(
        self,
        input_size: int,
        units: int,
        outputs: int | None = None,
        *,
        mode: str = 'default',
        backbone_units: int = 128,
        backbone_layers: int = 1,
        backbone_activation: str = 'lecun_tanh',
        backbone_dropout: float = 0.0,
    ) -> None:
        super().__init__(input_size, units, outputs)
        check_number('backbone_layers', backbone_layers, whole=True, minimum=0, maximum=64)
        check_number('backbone_units', backbone_units, whole=True, minimum=1, maximum=4096)
        if backbone_activation not in ACTIVATIONS:
            raise InputError(f'backbone_activation must be one of {tuple(ACTIVATIONS)}. Got {backbone_activation!r}')
        check_number('backbone_dropout', backbone_dropout, minimum=0.0, below=1.0)
        self.closed_form = ClosedForm(mode, units)
        self.activation = ACTIVATIONS[backbone_activation]
        self.backbone_dropout = backbone_dropout
        widths = [backbone_units] * backbone_layers + [HEADS[mode] * units]
        # The first layer is split into its input part, computed for a whole sequence at once, and its recurrent part.
        self.input_map = nn.Linear(input_size, widths[0])
        self.recurrent_map = nn.Linear(units, widths[0], bias=False)
        self.deeper = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        self._init_weights()

    def _init_weights(self) -> None:
        """Xavier for every layer as ncps has it: fans of the whole [x, h], and of each head alone."""
        for i, layer in enumerate((self.input_map, self.recurrent_map, *self.deeper)):
            is_head = i >= len(self.deeper) + 1 or not self.deeper
            fan_in = self.input_size + self.units if i < 2 else layer.in_features
            xavier_(layer.weight, fan_in, self.units if is_head else layer.out_features)
            if layer.bias is not None:
                nn.init.uniform_(layer.bias, -(fan_in**-0.5), fan_in**-0.5)

    def project(self, x: Tensor) -> tuple[Tensor, ...]:
        return (self.input_map(x),)

    def advance(self, prepared: tuple[Tensor, ...], projected: tuple[Tensor, ...], hx: Tensor, dt: Tensor) -> Tensor:
        state: Tensor = self.closed_form(self._heads(projected[0], hx), dt)
        return state

    def _heads(self, projected: Tensor, hx: Tensor) -> Tensor:
        z = torch.addmm(projected, hx, self.recurrent_map.weight.t())
        for layer in self.deeper:
            z = self.activation(z)
            if self.backbone_dropout:
                z = F.dropout(z, self.backbone_dropout, self.training)
            z = layer(z)
        return z

    def observe(
        self, prepared: tuple[Tensor, ...], projected: tuple[Tensor, ...], hx: Tensor, dt: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        z = self._heads(projected[0], hx)
        return self.closed_form(z, dt), self.closed_form.time_constants(z, dt)
