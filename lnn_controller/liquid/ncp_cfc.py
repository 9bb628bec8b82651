"""
The closed-form cell on a wiring: each neuron reads the synapses that the wiring gives it and nothing else.

Sources: Hasani et al., *Closed-form continuous-time neural networks*, Nature Machine Intelligence 2022; Lechner et al.,
*Neural circuit policies enabling auditable autonomy*, Nature Machine Intelligence 2020.
"""

from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from lnn_controller.errors import InputError
from lnn_controller.liquid.cell import Cell
from lnn_controller.liquid.cfc import HEADS, ClosedForm
from lnn_controller.liquid.wiring import Wiring

__all__ = ['LAYERS', 'NcpCfC', 'Stage']

LAYERS = ('wired', 'dense')
Mask = npt.NDArray[np.bool_]


class SparseLinear(nn.Module):
    """
    The weights of a masked linear map; only those that the mask lets exist are parameters.

    :param mask: (heads, destinations, sources)
    :param fan_in: of each head and destination, over everything that feeds it, (heads, destinations)
    """

    index: Tensor

    def __init__(self, mask: Mask, fan_in: npt.NDArray[np.int64]) -> None:
        super().__init__()
        self.rows, self.sources = mask.shape[0] * mask.shape[1], mask.shape[2]
        flat = np.flatnonzero(mask)
        self.register_buffer('index', torch.from_numpy(flat), persistent=False)
        # Xavier with the fans that the synapses really make, not those of the dense matrix around them.
        fans = fan_in[:, :, None] + mask.sum(1, keepdims=True)
        bound = torch.from_numpy(np.sqrt(6.0 / fans.reshape(-1)[flat])).to(torch.get_default_dtype())
        self.weight = nn.Parameter((torch.rand(len(flat)) * 2 - 1) * bound)

    def matrix(self) -> Tensor:
        """Return the dense weight ready for ``x @ matrix``, (sources, heads · destinations)."""
        dense = self.weight.new_zeros(self.rows * self.sources).index_copy(0, self.index, self.weight)
        return dense.view(self.rows, self.sources).t()


class Stage(nn.Module):
    """
    A group of neurons evaluated together within one step, and what they read.

    :param sources: the groups of neurons that they read, by number
    :param input_mask: which inputs each head of each neuron reads, (heads, n, I)
    :param neuron_mask: which neurons of ``sources`` each head of each neuron reads, (heads, n, ·)
    """

    def __init__(self, sources: list[int], input_mask: Mask, neuron_mask: Mask) -> None:
        super().__init__()
        self.sources = sources
        fan_in = input_mask.sum(2) + neuron_mask.sum(2)
        self.inputs = SparseLinear(input_mask, fan_in) if input_mask.any() else None
        self.neurons = SparseLinear(neuron_mask, fan_in) if neuron_mask.any() else None
        bound = torch.from_numpy(np.maximum(fan_in, 1).reshape(-1) ** -0.5).to(torch.get_default_dtype())
        self.bias = nn.Parameter((torch.rand(fan_in.size) * 2 - 1) * bound)


class NcpCfC(Cell):
    """
    A closed-form cell on a wiring.

    ``layers='wired'``: every synapse of the wiring, command recurrence included, has one weight in each of the cell's
    heads, and nothing else has any. Within one step inter neurons are evaluated first, from the new inputs; then
    command neurons, from the new inter and the previous command states; then motor neurons, from the new command
    states. A synapse reads the new state of an earlier group and the previous state of its own or a later one, so no
    layer adds a tick of delay.

    ``layers='dense'`` is what ncps' ``WiredCfCCell`` computes, for weights brought over from there: each layer is dense
    in itself, ignores the wiring's command synapses, and its gate reads all of the layer before. A wiring without
    command neurons is one layer.

    :param wiring: who talks to whom; its motor neurons are the outputs
    :param mode: 'default', 'no_gate' or 'pure', see :class:`~lnn_controller.liquid.cfc.ClosedForm`
    :param layers: 'wired' or 'dense'
    :param self_state: with 'wired': each neuron also reads its own previous state. That is no synapse but what the
        membrane is to an LTC neuron: without it only neurons on a recurrent synapse remember anything.
    :raises InputError: if an option is out of range
    """

    def __init__(
        self, wiring: Wiring, *, mode: str = 'default', layers: str = 'wired', self_state: bool = False
    ) -> None:
        super().__init__(wiring.input_dim, wiring.units, wiring.output_dim)
        if layers not in LAYERS:
            raise InputError(f'layers must be one of {LAYERS}. Got {layers!r}')
        if self_state and layers == 'dense':
            raise InputError("self_state goes with layers='wired': dense layers read their own states anyway. Got both")
        self.closed_form = ClosedForm(mode, self.units)
        self.wiring = wiring
        self.layers = layers
        groups = [wiring.neurons(role) for role in ('inter', 'command', 'motor')]
        self.groups = [g for g in groups if len(g)]
        if layers == 'dense' and not len(groups[1]):
            self.groups = [range(self.units)]
        # Groups run against the numbering: evaluated inter → motor, numbered motor → inter.
        self._sizes = [len(g) for g in reversed(self.groups)]
        make = self._wired_stage if layers == 'wired' else self._dense_stage
        self.stages = nn.ModuleList(make(i, HEADS[mode], self_state) for i in range(len(self.groups)))

    def _stages(self) -> list[Stage]:
        return cast(list[Stage], list(self.stages))

    def _wired_stage(self, i: int, heads: int, self_state: bool) -> Stage:
        group = self.groups[i]
        reads = self.wiring.adjacency[:, group] != 0
        if self_state:
            reads[group, range(len(group))] = True
        sources = [j for j, g in enumerate(self.groups) if reads[g].any()]
        neuron_mask = np.concatenate([reads[self.groups[j]] for j in sources] or [reads[:0]]).T
        input_mask = self.wiring.sensory_adjacency[:, group].T != 0
        return Stage(sources, np.stack([input_mask] * heads), np.stack([neuron_mask] * heads))

    def _dense_stage(self, i: int, heads: int, _: bool) -> Stage:
        group = self.groups[i]
        n = len(group)
        below = self.wiring.adjacency[self.groups[i - 1]][:, group].T != 0 if i else np.zeros((n, 0), bool)
        neuron_mask = np.concatenate([below, np.ones((n, n), bool)], axis=1)
        input_mask = self.wiring.sensory_adjacency[:, group].T != 0 if i == 0 else np.zeros((n, self.input_size), bool)
        # ncps masks f1 and f2 alone: the gate's heads a and b read the whole layer before.
        open_heads = np.arange(heads)[:, None, None] >= 2
        return Stage([i - 1, i] if i else [0], input_mask[None] | open_heads & (i == 0), neuron_mask[None] | open_heads)

    def prepare(self) -> tuple[Tensor, ...]:
        prepared: list[Tensor] = []
        for stage in self._stages():
            if stage.inputs is None:  # otherwise the bias is in what is projected
                prepared.append(stage.bias)
            if stage.neurons is not None:
                prepared.append(stage.neurons.matrix())
        return tuple(prepared)

    def project(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(x @ s.inputs.matrix() + s.bias for s in self._stages() if s.inputs is not None)

    def _heads(
        self, prepared: tuple[Tensor, ...], projected: tuple[Tensor, ...], hx: Tensor, dt: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Evaluate the groups in order; give each group's new state and its heads' values."""
        states = list(reversed(torch.split(hx, self._sizes, dim=1)))
        values = []
        given, drive = iter(prepared), iter(projected)
        for i, stage in enumerate(self._stages()):
            z = next(drive) if stage.inputs is not None else next(given)
            if stage.neurons is not None:
                read = [states[j] for j in stage.sources]
                z = torch.addmm(z, read[0] if len(read) == 1 else torch.cat(read, 1), next(given))
            elif stage.inputs is None:  # a neuron that nothing reaches has its bias alone
                z = z.expand(hx.shape[0], -1)
            group = self.groups[i]
            states[i] = self.closed_form(z, dt, slice(group.start, group.stop))
            values.append(z)
        return states, values

    def advance(self, prepared: tuple[Tensor, ...], projected: tuple[Tensor, ...], hx: Tensor, dt: Tensor) -> Tensor:
        return torch.cat(self._heads(prepared, projected, hx, dt)[0][::-1], dim=1)

    def observe(
        self, prepared: tuple[Tensor, ...], projected: tuple[Tensor, ...], hx: Tensor, dt: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        states, values = self._heads(prepared, projected, hx, dt)
        taus = [
            self.closed_form.time_constants(z, dt, slice(group.start, group.stop))
            for z, group in zip(values, self.groups)
        ]
        return torch.cat(states[::-1], dim=1), torch.cat(taus[::-1], dim=1)
