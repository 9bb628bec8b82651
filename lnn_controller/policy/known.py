"""Whether a policy knows a recording from its training: then its errors there say little of how it will drive."""

from collections.abc import Callable
from pathlib import Path

from lnn_controller.policy.spec import PolicySpec

__all__ = ['known_from_training']


def known_from_training(spec: PolicySpec, recording: str | Path, sha256: Callable[[], str]) -> str:
    """
    Say what a recording was to the training of a policy.

    :param spec: of the policy; its provenance may hold anything
    :param recording: its path: only one of the same name is looked into, for that may take minutes
    :param sha256: gives that of its content, hexadecimal
    :returns: a clause without a subject; empty where the training has not seen it, or that is not known
    """
    bags, validation = spec.provenance.get('bags'), spec.provenance.get('validation_bags')
    if not isinstance(bags, dict):
        return ''
    alike = {label: digest for label, digest in bags.items() if Path(label).name == Path(recording).name}
    found = sha256() if alike else ''
    names = [label for label, digest in alike.items() if digest == found]
    if not names:
        return ''
    if len(bags) > 1 and isinstance(validation, list) and set(names) <= set(map(str, validation)):
        return 'had this recording in its validation, by which its weights were chosen'
    return f'was trained on this recording{_but_for_the_test(spec)}'


def _but_for_the_test(spec: PolicySpec) -> str:
    """What of a single recording was kept for the test, in words."""
    metrics, config = spec.provenance.get('metrics'), spec.provenance.get('config')
    kept = config.get('test_fraction') if isinstance(config, dict) else None
    tested = isinstance(metrics, dict) and metrics.get('test')
    return f', but for its last {100 * kept:g} %' if tested and isinstance(kept, int | float) else ''
