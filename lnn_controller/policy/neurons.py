"""Neurons by name and by role, for whoever shows them."""

from collections.abc import Sequence

from lnn_controller.policy.spec import PolicySpec

__all__ = ['NO_ROLE', 'by_role', 'neuron_names']

ROLES = ('inter', 'command', 'motor')
NO_ROLE = 'neuron'


def neuron_names(spec: PolicySpec) -> list[str]:
    """
    Name the neurons whose states are published: role and number, as ``motor_0``.

    :param spec: of the policy
    :returns: N names, in the order of the policy's basis
    """
    roles = (spec.network.wiring or {}).get('roles', [])
    if len(roles) != spec.network.units:
        roles = [NO_ROLE] * spec.network.units
    return [f'{role}_{index}' for index, role in enumerate(roles)]


def by_role(names: Sequence[str]) -> dict[str, list[int]]:
    """
    Sort neurons by their roles.

    :param names: as :func:`neuron_names` gives them
    :returns: their indices by role, in the order in which a signal passes the roles
    """
    roles: dict[str, list[int]] = {role: [] for role in ROLES}
    for index, name in enumerate(names):
        roles.setdefault(name.rpartition('_')[0] or NO_ROLE, []).append(index)
    return {role: members for role, members in roles.items() if members}
