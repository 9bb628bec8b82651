"""What the study of cells found, as figures: each cell beside the default one, each encoder beside the first."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.metrics.comparison import paired_bootstrap, probability_better
from lnn_controller.metrics.success import wilson_interval
from lnn_controller.studies.runner import Row

__all__ = ['JOINT', 'REFERENCE', 'compare_encoders', 'summarise', 'tried']

REFERENCE = 'ncp_cfc'
#: in place of an encoder: it is learnt together with each cell
JOINT = 'joint'


def summarise(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """
    Sum the drives of each cell up, by encoder, scene and fault, and compare with the default cell.

    :param rows: of the study, of the same drives; seeds that not all cells of an encoder have are left out
    :returns: of each encoder, scene, fault and cell: ``seeds``, ``roads``, ``parameters``, ``error_m`` (mean of the
        rms), ``against`` (mean difference from the default cell and its interval, m; ``None`` of itself, or without
        it), ``better`` (probability of being better than it), ``success``, ``trials``, ``interval``, ``roughness``,
        ``validation``, ``train_cpu_s``
    """
    found = []
    for encoder, by_cell in _by_encoder(rows).items():
        seeds = sorted(set.intersection(*(set(each) for each in by_cell.values())))
        if not seeds:
            continue
        for scene, fault in _driven(next(iter(by_cell.values()))[seeds[0]]):
            for cell in by_cell:
                found.append(
                    {'encoder': encoder, 'scene': scene, 'fault': fault, 'cell': cell}
                    | _row(by_cell, cell, seeds, scene, fault)
                )
    return found


def compare_encoders(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """
    Compare encoders, each by the drives of all its cells, with the first one; without one learnt with each cell.

    :param rows: of the study, of the same drives; cells and seeds that not all encoders have are left out
    :returns: of each scene, fault and encoder: ``seeds``, ``roads``, ``error_m`` (mean over cells, seeds and roads),
        ``least`` and ``most`` (of one cell's means, m), ``against`` (mean difference from the first encoder and its
        interval, m; ``None`` of itself). Nothing of a single encoder, or without a cell and seed that all have
    """
    by_encoder = {encoder: by_cell for encoder, by_cell in _by_encoder(rows).items() if encoder != JOINT}
    runs = [{(cell, seed) for cell, each in by_cell.items() for seed in each} for by_cell in by_encoder.values()]
    shared = set.intersection(*runs) if len(runs) > 1 else set()
    seeds = sorted({seed for _, seed in shared})
    cells = [cell for cell in next(iter(by_encoder.values()), {}) if all((cell, seed) in shared for seed in seeds)]
    if not shared or not cells:
        return []
    found = []
    first = next(iter(by_encoder))
    for scene, fault in _driven(by_encoder[first][cells[0]][seeds[0]]):
        errors = {
            encoder: np.stack([_table(by_cell[cell], seeds, scene, fault, 'error_m') for cell in cells])
            for encoder, by_cell in by_encoder.items()
        }
        for encoder, error in errors.items():
            means = error.mean(axis=(1, 2))
            against = None if encoder == first else paired_bootstrap(error.mean(axis=0), errors[first].mean(axis=0))
            found.append(
                {
                    'encoder': encoder,
                    'scene': scene,
                    'fault': fault,
                    'cells': len(cells),
                    'seeds': error.shape[1],
                    'roads': error.shape[2],
                    'error_m': float(means.mean()),
                    'least': float(means.min()),
                    'most': float(means.max()),
                    'against': against,
                }
            )
    return found


def tried(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """
    Sum up which learning rate each cell took of those that were tried.

    :param rows: of the study, all with the same learning rates; without any, nothing is found
    :returns: of each encoder, cell and rate: ``encoder``, ``cell``, ``rate``, ``validation`` (mean over seeds) and
        ``chosen``, the number of seeds whose best it is
    """
    found = []
    for encoder, by_cell in _by_encoder(rows).items():
        for cell, results in by_cell.items():
            errors = np.array([each.get('tried', []) for each in results.values()])
            for number, rate in enumerate(rows[0]['condition'].get('learning_rates', [])):
                found.append(
                    {
                        'encoder': encoder,
                        'cell': cell,
                        'rate': rate,
                        'validation': float(errors[:, number].mean()),
                        'chosen': int((errors.argmin(axis=1) == number).sum()),
                    }
                )
    return found


def _by_encoder(rows: Sequence[Row]) -> dict[str, dict[str, dict[int, Mapping[str, Any]]]]:
    """Results by encoder, cell and seed."""
    found: dict[str, dict[str, dict[int, Mapping[str, Any]]]] = {}
    for row in rows:
        condition = row['condition']
        by_cell = found.setdefault(condition['encoder'], {})
        by_cell.setdefault(condition['cell'], {})[condition['seed']] = row['result']
    return found


def _driven(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Scenes and faults that were driven."""
    return list(dict.fromkeys((drive['scene'], drive['fault']) for drive in result['drives']))


def _table(
    results: Mapping[int, Mapping[str, Any]], seeds: Sequence[int], scene: str, fault: str, figure: str
) -> NDArray[np.float64]:
    """A figure of a cell's drives, (seeds, roads)."""
    return np.array(
        [
            [drive[figure] for drive in results[seed]['drives'] if (drive['scene'], drive['fault']) == (scene, fault)]
            for seed in seeds
        ],
        np.float64,
    )


def _row(
    by_cell: Mapping[str, Mapping[int, Mapping[str, Any]]], cell: str, seeds: Sequence[int], scene: str, fault: str
) -> dict[str, Any]:
    def table(name: str, figure: str) -> NDArray[np.float64]:
        return _table(by_cell[name], seeds, scene, fault, figure)

    error, success = table(cell, 'error_m'), table(cell, 'success')
    results = [by_cell[cell][seed] for seed in seeds]
    other = table(REFERENCE, 'error_m') if REFERENCE in by_cell and cell != REFERENCE else None
    return {
        'seeds': error.shape[0],
        'roads': error.shape[1],
        'parameters': round(float(np.mean([each['parameters'] for each in results]))),
        'error_m': float(error.mean()),
        'against': None if other is None else paired_bootstrap(error, other),
        'better': None if other is None else probability_better(error, other),
        'success': int(success.sum()),
        'trials': success.size,
        'interval': wilson_interval(int(success.sum()), success.size),
        'roughness': float(table(cell, 'roughness').mean()),
        'validation': float(np.mean([each['validation'] for each in results])),
        'train_cpu_s': float(np.mean([each['train_cpu_s'] for each in results])),
    }
