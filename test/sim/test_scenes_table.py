"""The table that benchmarks/scenes.py writes."""

from scenes import digest, run, table


def drives(scene, policy, departures, errors_m):
    condition = {'scene': scene, 'policy': policy, 'roads': [*range(len(departures))], 'seconds': 20.0}
    return {'condition': condition, 'result': {'departures': departures, 'cross_track_error_rms_m': errors_m}}


def test_a_cell_has_who_kept_the_lane_with_its_interval_and_the_mean_error():
    rows = [drives('fog', 'a', [2, 0, 1, 0], [0.05, 0.061, 0.049, 0.04]), drives('night', 'a', [0] * 4, [0.02] * 4)]
    assert table(rows).splitlines()[2:] == [
        '| `fog` | **2/4** [0.15, 0.85]; 3; 5.0 |',
        '| `night` | 4/4 [0.51, 1.00]; 0; 2.0 |',
    ]


def test_a_result_is_of_one_scene_and_one_policy():
    of = {
        (scene, policy): digest(scene, policy) for scene in ('night', 'rain') for policy in ('car_lane', 'car_lane_gru')
    }
    assert len(set(of.values())) == 4


def test_drives_give_what_the_table_takes():
    condition = {'scene': 'night', 'policy': 'car_lane', 'roads': [21, 33], 'seconds': 1.0}
    result = run(condition)
    assert [len(each) for each in result.values()] == [2, 2]
    assert table([{'condition': condition, 'result': result}]).startswith('| scene | `car_lane` |')
