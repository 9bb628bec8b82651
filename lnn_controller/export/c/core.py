"""The liquid core as C: inputs → cell → readout."""

from lnn_controller.export.c.cells import Cell, read_cell
from lnn_controller.export.c.network import Network
from lnn_controller.export.c.text import fill, number, smallest_type, table

__all__ = ['core_source']


def core_source(network: Network, *, straight_line: bool = False) -> str:
    """
    Write the core: ``policy_advance``, one step of the network.

    :param network: the network
    :param straight_line: whether each synapse has a line of code of its own: faster and larger than tables and loops
    :returns: C
    :raises InputError: if there is no C for this cell or an option of it, or the weights do not fit it
    """
    cell = read_cell(network)
    stages = [stage.source(straight_line=straight_line) for stage in cell.stages]
    constants, readout = _readout(network, straight_line=straight_line)
    code = _HEAD.format(
        index=smallest_type(cell.values), more=_POLARITY if network.spec.network.cell == 'ncp_cfc' else ''
    )
    code += '\n'.join(filter(None, (*(stage.constants for stage in stages), constants)))
    code += _begin(network, cell)
    code += '\n'.join(stage.body for stage in stages) + readout + _END
    return fill(code, network.name)


_HEAD = """/* The liquid core: one step of the cell, and the readout. Made by lnn export.{more} */
#define LNN_INDEX {index}
#include "lnn_cells.h"
#include "policy.h"

"""

_POLARITY = """
   Polarities are the wiring's: in each of a closed-form neuron's sums a synapse has a weight with a sign of its own."""

_END = """
    poison = 0.0f;
    for (int n = 0; n < POLICY_STATE; n++) poison += state[n] - state[n];
    for (int c = 0; c < POLICY_OUTPUTS; c++) poison += command[c] - command[c];
    return poison != 0.0f ? POLICY_REASON_COMMAND : POLICY_GOOD;
}
"""


def _begin(network: Network, cell: Cell) -> str:
    """Write the head of the function: what comes in, looked at and put side by side."""
    spec, inputs, state = network.spec, network.inputs, network.spec.network.state_size
    features, width = spec.network.features, max(stage.width for stage in cell.stages)
    text = f"""
int policy_advance(
    float state[POLICY_STATE], const float features[POLICY_FEATURES], const float *imu, float dt_s,
    float command[POLICY_OUTPUTS], float *tau) {{
    /* What neurons read: inputs, state, t, then layers that have no memory. */
    float v[{cell.values}], fresh[{width}], poison = 0.0f;
    const float t = dt_s * {number(spec.network.time_scale)};
    if (!(dt_s > 0.0f) || dt_s - dt_s != 0.0f) return POLICY_REASON_TIME;
    /* x - x is 0, but not of infinity and NaN. */
    for (int i = 0; i < {features}; i++) {{
        v[i] = features[i];
        poison += v[i] - v[i];
    }}
    if (poison != 0.0f) return POLICY_REASON_FEATURES;
"""
    if spec.imu is None:
        text += '    (void)imu;\n'
    else:
        gyro, *_, accel = (number(1.0 / float(each)) for each in network.tensor('imu_divisor', 6))
        text += f"""    if (!imu) return POLICY_REASON_IMU;
    for (int i = 0; i < 3; i++) {{
        v[{features} + i] = imu[i]{'' if gyro == '1.0f' else f' * {gyro}'};
        v[{features + 3} + i] = imu[3 + i] * {accel};
        poison += (imu[i] - imu[i]) + (imu[3 + i] - imu[3 + i]);
    }}
    if (poison != 0.0f) return POLICY_REASON_IMU;
"""
    return (
        text
        + f"""    for (int n = 0; n < {state}; n++) {{
        v[{inputs} + n] = state[n];
        poison += state[n] - state[n];
    }}
    if (poison != 0.0f) return POLICY_REASON_STATE;
    v[{inputs + state}] = t;
{'' if cell.has_tau else '    (void)tau;' + chr(10)}
"""
    )


def _readout(network: Network, *, straight_line: bool) -> tuple[str, str]:
    """Write the readout over all neurons, with mean and scale of the commands in it; the state goes back first."""
    spec, inputs = network.spec, network.inputs
    outputs, units = len(spec.outputs), spec.network.units
    scale = network.tensor('command_scale', outputs).astype(float)
    weight = scale[:, None] * network.tensor('readout.weight', outputs, units)
    bias = network.tensor('command_mean', outputs) + scale * network.tensor('readout.bias', outputs)
    names = [f'c{c}' for c in range(outputs)]
    text = f"""
    for (int n = 0; n < POLICY_STATE; n++) state[n] = v[{inputs} + n];
    /* Readout: {', '.join(spec.channels)}. */
    float {', '.join(f'{name} = {number(b)}' for name, b in zip(names, bias))};
"""
    if straight_line:
        for n, row in enumerate(weight.T):
            text += f'    {" ".join(f"{name} += {number(w)} * state[{n}];" for name, w in zip(names, row))}\n'
    else:
        text += f'    for (int n = 0; n < {units}; n++) {{\n        float x = state[n];\n'
        text += ''.join(f'        {name} += READOUT[n][{c}] * x;\n' for c, name in enumerate(names)) + '    }\n'
    text += ''.join(f'    command[{c}] = {name};\n' for c, name in enumerate(names))
    return '' if straight_line else table('READOUT', weight.T), text
