"""The table that benchmarks/scenes.py writes."""

from scenes import digest, run, table


def drive(scene, policy, road, departures, error_m):
    condition = {'scene': scene, 'policy': policy, 'road': road, 'seconds': 60.0, 'digest': 'x'}
    return {'condition': condition, 'result': {'departures': departures, 'cross_track_error_rms_m': error_m}}


def test_a_row_has_departures_of_all_roads_and_the_error_on_each():
    rows = [drive('fog', 'a', 21, 2, 0.05), drive('fog', 'a', 33, 1, 0.061), drive('night', 'a', 21, 0, 0.02)]
    rows += [drive('night', 'a', 33, 0, 0.034)]
    assert table(rows).splitlines()[2:] == ['| `fog` | **3**; 5.0, 6.1 |', '| `night` | 0; 2.0, 3.4 |']


def test_a_result_is_of_one_scene_and_one_policy():
    of = {
        (scene, policy): digest(scene, policy) for scene in ('night', 'rain') for policy in ('car_lane', 'car_lane_gru')
    }
    assert len(set(of.values())) == 4


def test_a_drive_gives_what_the_table_takes():
    condition = {'scene': 'night', 'policy': 'car_lane', 'road': 21, 'seconds': 1.0}
    assert table([{'condition': condition, 'result': run(condition)}]).startswith('| scene | `car_lane` |')
