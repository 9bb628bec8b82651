import array
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import serialize_message
from sensor_msgs.msg import LaserScan, PointCloud2, PointField

from lnn_controller.control import Footprint
from lnn_controller.control.attitude import heading_frame
from lnn_controller.control.safety.guard import clearance, outside
from lnn_controller.errors import InputError
from lnn_controller.nodes.controller import obstacles, point_clouds
from lnn_controller.nodes.controller.obstacles import Seen, place

LEVEL = {'min_height_m': 0.05, 'max_height_m': 1.0, 'sensor_z_m': 0.0}
ROBOT = Footprint(front_m=0.4, rear_m=0.3, left_m=0.25, right_m=0.2)
INF, NAN = math.inf, math.nan


def scan_points(message, min_valid=0.1):
    return obstacles.scan_points(message, min_valid).points


def cloud_points(message, min_height_m, max_height_m, sensor_z_m, min_valid=0.1):
    return point_clouds.cloud_points(message, min_height_m, max_height_m, sensor_z_m, min_valid).points


def placed(points, *pose):
    return place(Seen(points, np.zeros((0, 2)), 0.1, None), *pose, ROBOT)[0]


def scan(ranges, **changes):
    given = {'angle_min': -math.pi / 2, 'angle_increment': math.pi / 2, 'range_min': 0.1, 'range_max': 10.0}
    given |= changes
    end = {'angle_max': given['angle_min'] + given['angle_increment'] * (len(ranges) - 1)} if ranges else {}
    return LaserScan(ranges=ranges, **end | given)


def cloud(rows, kind='<f4', frame_id='lidar', names='xyz', **changes):
    """A cloud laid out by hand, with a colour between the coordinates and padding behind them."""
    kinds = {'f4': PointField.FLOAT32, 'f8': PointField.FLOAT64, 'i2': PointField.INT16}
    width = np.dtype(kind).itemsize
    layout = np.dtype(
        {
            'names': [*names, 'colour'],
            'formats': [kind] * 3 + ['u1'],
            'offsets': [0, width, 2 * width + 1, 2 * width],
            'itemsize': 4 * width + 2,
        }
    )
    table = np.zeros(len(rows), layout)
    for name, column in zip(names, np.array(rows, dtype=np.float64).reshape(-1, 3).T, strict=True):
        table[name] = column
    fields = [PointField(name=n, offset=layout.fields[n][1], datatype=kinds[kind[1:]], count=1) for n in names]
    fields.append(PointField(name='colour', offset=2 * width, datatype=PointField.UINT8, count=1))
    given = {'height': 1, 'width': len(rows), 'point_step': layout.itemsize, 'row_step': layout.itemsize * len(rows)}
    message = PointCloud2(fields=fields, is_bigendian=kind[0] == '>', **given | changes)
    message.header.frame_id = frame_id
    message.data = array.array('B', table.tobytes())
    return message


def test_a_scan():
    seen = scan_points(scan([1.0, 2.0, 3.0]))
    assert seen.dtype == np.float64
    np.testing.assert_allclose(seen, [[0, -1], [2, 0], [0, 3]], atol=1e-6)


def test_a_scan_that_turns_the_other_way():
    seen = scan_points(scan([1.0, 2.0, 3.0], angle_min=math.pi / 2, angle_increment=-math.pi / 2))
    np.testing.assert_allclose(seen, [[0, 1], [2, 0], [0, -3]], atol=1e-6)


@pytest.mark.parametrize('sign', [1, -1])
def test_rays_that_a_scan_announces_and_does_not_hold_have_not_measured(sign):
    turned = {'angle_min': -sign * math.pi / 2, 'angle_max': sign * math.pi / 2, 'angle_increment': sign * math.pi / 20}
    with pytest.raises(InputError, match=r'Got 1 of 21: is the sensor covered\?'):
        scan_points(scan([5.0], **turned))
    seen = obstacles.scan_points(scan([5.0] * 10, **turned), 0.1)
    np.testing.assert_allclose(seen.bearings.angles, sign * np.linspace(-math.pi / 2, math.pi / 2, 21), atol=1e-6)
    np.testing.assert_array_equal(seen.bearings.measured, [1] * 10 + [0] * 11)
    assert len(seen.points) == 10


@pytest.mark.parametrize(
    'angles',
    [
        {'angle_max': math.pi / 2, 'angle_increment': math.pi / 3},  # closes the circle, but for its last ray
        {'angle_max': NAN},
        {'angle_max': INF},
        {'angle_max': 0.0, 'angle_increment': math.pi / 2},  # left at zero
        {'angle_max': -3.0, 'angle_increment': math.pi / 2},
    ],
)
def test_angles_that_announce_nothing_more_leave_a_scan_as_it_is(angles):
    seen = obstacles.scan_points(scan([1.0, 2.0, 3.0], **angles), 1.0)
    np.testing.assert_array_equal(seen.bearings.measured, [1, 1, 1])


def test_angles_beyond_one_turn_announce_one_turn():
    seen = obstacles.scan_points(scan([1.0] * 3, angle_max=1e9), 0.1)
    assert len(seen.bearings.angles) == 5


def test_ranges_that_are_no_points():
    nowhere = [NAN, INF, 0.0, 0.05, 10.5, -1.0]
    message = scan([*nowhere, 10.0], angle_min=0.0, angle_increment=0.1)
    np.testing.assert_allclose(scan_points(message), [[10 * math.cos(0.6), 10 * math.sin(0.6)]], rtol=1e-6)
    assert scan_points(scan([INF, NAN, INF], range_max=INF)).shape == (0, 2)


@pytest.mark.parametrize(
    ('ranges', 'measured'),
    [
        ([], 0),
        ([NAN] * 20, 0),
        ([0.0] * 20, 0),
        ([0.05] * 20, 0),
        ([-1.0] * 20, 0),
        ([NAN, 0.0, 0.09, -0.5] * 5, 0),
        ([5.0] + [NAN] * 19, 1),
        ([INF] + [0.0] * 19, 1),
    ],
)
def test_a_scan_that_sees_nothing_is_no_free_way(ranges, measured):
    message = scan(ranges, angle_min=0.0, angle_increment=0.1)
    with pytest.raises(InputError, match=rf'at least 10 % of its ranges .* Got {measured} of {len(ranges)}'):
        scan_points(message)


@pytest.mark.parametrize('nothing', [0.0, NAN])
def test_zero_is_no_distance_whatever_the_scanner_says_its_nearest_is(nothing):
    with pytest.raises(InputError, match='Got 0 of 8'):
        scan_points(scan([nothing] * 8, range_min=0.0, angle_increment=0.1))


@pytest.mark.parametrize('free', [INF, 10.5, 1e9])
def test_a_free_way_is_a_measurement(free):
    assert scan_points(scan([free, free, 5.0]), 1.0).tolist() == pytest.approx(np.array([[0.0, 5.0]]), abs=1e-6)
    assert scan_points(scan([free] * 3), 1.0).shape == (0, 2)


@pytest.mark.parametrize(
    'sensor', [(0.0, 0.0, 0.0), (0.2, 0.1, 0.3), (0.4, 0.0, 0.0), (-0.3, -0.2, 2.0), (1.0, 0.0, 0.0)]
)
@pytest.mark.parametrize('nearest', [0.0, 0.1, 0.6])
def test_too_near_to_be_measured_stops_although_the_sensor_sits_inside_the_outline(sensor, nearest):
    """−inf in every direction: whichever way the robot would go, it touches something."""
    message = scan([-INF] * 72, angle_min=-math.pi, angle_increment=math.pi / 36, range_min=nearest)
    points = outside(place(obstacles.scan_points(message, 0.1), *sensor, ROBOT)[0], ROBOT)
    assert len(points) == 72
    assert message.ranges[1] == -INF  # the message itself stays
    if nearest <= 0.1 and sensor[0] < 1.0:
        for way in ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (1, 1, 0)):
            assert clearance(way, points, ROBOT, 2.0) <= 0.3, way


def test_too_near_ahead_leaves_the_way_back():
    seen = obstacles.scan_points(scan([INF, -INF, INF]), 0.1)
    points = outside(place(seen, 0.1, 0.0, 0.0, ROBOT)[0], ROBOT)
    assert points.tolist() == [[0.4, pytest.approx(0.0)]]
    assert clearance((1, 0, 0), points, ROBOT, 2.0) == 0.0
    assert clearance((-1, 0, 0), points, ROBOT, 2.0) == INF


@pytest.mark.parametrize('blind', [NAN, 0.0, 0.05, 0.2], ids=['NaN', 'zero', 'below range_min', 'on the robot itself'])
@pytest.mark.parametrize('turned', [False, True])
def test_a_front_that_sees_nothing_is_no_free_way_however_much_the_rest_sees(blind, turned):
    ranges = [blind if abs(degree) <= 45 else INF for degree in range(-180, 180)]
    step = -math.pi / 180 if turned else math.pi / 180
    message = scan(ranges, angle_min=math.pi if turned else -math.pi, angle_increment=step)
    points, sight = place(obstacles.scan_points(message, 0.1), 0.1, 0.0, 0.0, ROBOT)
    assert len(outside(points, ROBOT)) == 0
    assert not sight.covers((1.0, 0.0, 0.0), ROBOT, 1.0, 0.1)
    assert sight.covers((-1.0, 0.0, 0.0), ROBOT, 1.0, 0.1)


@pytest.mark.parametrize('seen', [INF, -INF, 3.0, 20.0])
def test_what_measured_was_seen(seen):
    _, sight = place(obstacles.scan_points(scan([seen] * 360, angle_increment=math.pi / 180), 0.1), 0, 0, 1.0, ROBOT)
    assert sight.covers((1.0, 0.0, 0.5), ROBOT, 1.0, 1.0)


def test_a_scanner_that_looks_elsewhere_from_another_place():
    """At the rear, looking back, blind to the left of it: that is the robot's right."""
    ranges = [NAN if degree > 0 else INF for degree in range(-90, 91)]
    message = scan(ranges, angle_increment=math.pi / 180)
    _, sight = place(obstacles.scan_points(message, 0.1), -0.3, 0.0, math.pi, ROBOT)
    assert sight.covers((-1.0, 0.0, 0.0), ROBOT, 1.0, 0.3)
    assert not sight.covers((-1.0, 0.0, 0.0), ROBOT, 1.0, 0.7)
    # To the left of the robot are the rays that measured; what it turns to there was seen.
    assert sight.covers((0.0, 1.0, 0.0), ROBOT, 1.0, 0.5)
    assert not sight.covers((0.0, -1.0, 0.0), ROBOT, 1.0, 0.1)


def test_intensities_are_ignored():
    np.testing.assert_array_equal(scan_points(scan([1.0], intensities=[5.0])), scan_points(scan([1.0])))


def test_one_range_needs_no_increment():
    np.testing.assert_allclose(scan_points(scan([1.0], angle_min=0.0, angle_increment=0.0)), [[1.0, 0.0]])


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'angle_increment': 0.0}, 'a scan of 2 ranges must have .* an angle_increment other than 0 .* Got -1.*and 0:'),
        ({'angle_increment': math.nan}, 'a scan of 2 ranges must have .* Got .* and nan'),
        ({'angle_increment': 1e-38}, 'Got .* and 1e-38'),
        ({'angle_increment': 7.0}, 'keeps them within one turn. Got .* and 7'),
        ({'angle_min': math.inf}, 'must have a finite angle_min, .* Got inf'),
        ({'range_min': 0.0, 'range_max': 0.0}, 'must have 0 <= range_min < range_max. Got 0 and 0'),
        ({'range_min': 2.0, 'range_max': 1.0}, 'Got 2 and 1'),
        ({'range_min': -1.0}, 'Got -1 and 10'),
        ({'range_max': math.nan}, 'Got 0.1 and nan'),
        ({'range_min': math.nan}, 'Got nan and 10'),
    ],
)
def test_malformed_scans(changes, message):
    with pytest.raises(InputError, match=message):
        scan_points(scan([1.0, 1.0], **changes))


def test_a_scan_of_too_many_ranges():
    with pytest.raises(InputError, match=r'at most 100000 ranges. Got 100001'):
        scan_points(scan(array.array('f', [1.0]) * 100_001, angle_increment=1e-5))


def test_place():
    seen = np.array([[1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(placed(seen, 0.0, 0.0, 0.0), seen)
    np.testing.assert_allclose(placed(seen, 0.2, -0.1, math.pi / 2), [[0.2, 0.9], [-0.8, -0.1]], atol=1e-12)
    np.testing.assert_allclose(placed(seen, 0.2, 0.0, math.pi), [[-0.8, 0.0], [0.2, -1.0]], atol=1e-12)
    assert placed(np.empty((0, 2)), 1.0, 1.0, 1.0).shape == (0, 2)


def test_points_that_stand_alone_are_noise_where_it_is_asked_for():
    ranges = [INF] * 181
    ranges[20] = 1.0  # alone
    ranges[90:93] = [1.0] * 3
    ranges[120:122] = [1.0] * 2
    ranges[150], ranges[151] = -INF, INF
    seen = obstacles.scan_points(scan(ranges, angle_increment=math.pi / 180), 0.1)
    for least, left in ((1, 6), (2, 5), (3, 3), (4, 0)):
        kept = obstacles.supported(seen, least, 2.0)
        assert len(kept.points) == len(kept.bearings.of_points) == left
        assert len(kept.too_close) == 1, 'what is too close is no noise'
        _, sight = place(kept, 0.0, 0.0, 0.0, ROBOT)
        assert sight.covers((1.0, 0.0, 0.0), ROBOT, 1.0, 0.8), 'a drop of rain here and there hides no way'


@pytest.mark.parametrize(('nearest', 'farthest', 'seen'), [(0.6, 2.0, False), (2.5, 9.0, True)])
def test_a_sensor_that_sees_nothing_but_noise_is_no_free_way(nearest, farthest, seen):
    """What lies behind noise was not seen; beyond what the guard looks at, that does not matter."""
    ranges = np.random.default_rng(0).uniform(nearest, farthest, 360).tolist()
    message = scan(ranges, angle_min=-math.pi, angle_increment=math.pi / 180)
    kept = obstacles.supported(obstacles.scan_points(message, 0.1), 20, 2.5)
    assert not len(kept.points)
    _, sight = place(kept, 0.0, 0.0, 0.0, ROBOT)
    assert sight.covers((1.0, 0.0, 0.0), ROBOT, 1.0, 0.1) == seen


@given(
    st.lists(st.tuples(*[st.floats(-1.0, 1.0) | st.sampled_from([1e6, -3e38, 0.1])] * 2), max_size=40),
    st.integers(1, 5),
)
@pytest.mark.slow
def test_what_has_enough_about_it_stays(points, least):
    points = np.array(points, float).reshape(-1, 2)
    kept = {tuple(each) for each in obstacles.supported(Seen(points, np.zeros((0, 2)), 0.1, None), least, 2.0).points}
    for point in points:
        away = np.abs(points - point).max(axis=1)
        if (away <= 0.1 - 1e-9).sum() >= least:
            assert tuple(point) in kept
        if (away <= 0.2 + 1e-9).sum() < least and np.abs(point).max() < 10:
            assert tuple(point) not in kept


class TestClouds:
    @pytest.mark.parametrize('kind', ['<f4', '<f8', '>f4'])
    def test_heights(self, kind):
        rows = [(1, 2, 0.5), (3, 4, 0.04), (5, 6, 1.01), (-7, 8, 0.06), (9, 9, math.nan)]
        seen = cloud_points(cloud(rows, kind), **LEVEL)
        assert seen.dtype == np.float64
        assert seen.tolist() == [[1, 2], [-7, 8]]

    def test_heights_are_above_the_ground(self):
        rows = [(1, 0, -0.5), (2, 0, -0.3), (3, 0, 0.4), (4, 0, 0.6)]
        assert cloud_points(cloud(rows), 0.05, 1.0, sensor_z_m=0.5).tolist() == [[2, 0], [3, 0]]

    def test_points_that_are_nowhere(self):
        rows = [(math.nan, 0, 0.5), (0, math.inf, 0.5), (1, 1, 0.5)]
        assert cloud_points(cloud(rows), **LEVEL).tolist() == [[1, 1]]

    @pytest.mark.parametrize(
        'rows', [[], [(NAN, NAN, NAN)] * 20, [(0, 0, 0)] * 20, [(1, 1, NAN)] * 20, [(1, 1, 1)] + [(NAN, 1, 1)] * 19]
    )
    def test_a_cloud_that_sees_nothing_is_no_free_way(self, rows):
        with pytest.raises(InputError, match=rf'at least 10 % of its points .* Got [01] of {len(rows)}'):
            cloud_points(cloud(rows), **LEVEL)

    def test_ground_alone_is_a_free_way(self):
        assert cloud_points(cloud([(1, 1, 0.01)] * 20), **LEVEL).shape == (0, 2)

    @pytest.mark.parametrize('frame_id', ['camera_depth_optical_frame', 'camera_optical'])
    def test_a_cameras_optical_frame(self, frame_id):
        """x right, y down, z forward: 2 m ahead, 0.5 m to the left, 0.25 m up."""
        assert cloud_points(cloud([(-0.5, -0.25, 2.0)], frame_id=frame_id), **LEVEL).tolist() == [[2.0, 0.5]]

    def test_an_organised_cloud(self):
        message = cloud([(1, 0, 0.5), (2, 0, 0.5), (3, 0, 0.5), (4, 0, 0.5)], height=2, width=2, row_step=36)
        assert cloud_points(message, **LEVEL)[:, 0].tolist() == [1, 2, 3, 4]
        message.row_step = 40
        with pytest.raises(InputError, match=r'laid out as its fields say. Got 2 × 2 points of 18 bytes in rows of 40'):
            cloud_points(message, **LEVEL)

    def test_rows_with_a_gap_between_them(self):
        message = cloud([(1, 0, 0.5), (2, 0, 0.5), (3, 0, 0.5), (4, 0, 0.5)], height=2, width=2, row_step=40)
        packed = message.data.tobytes()
        message.data = array.array('B', packed[:36] + b'gap!' + packed[36:] + b'gap!')
        assert cloud_points(message, **LEVEL)[:, 0].tolist() == [1, 2, 3, 4]

    def test_an_organised_cloud_tells_where_it_is_blind(self):
        """A camera of 40 columns and 10 rows, 90° wide, before a wall at 5 m; the middle third is NaN."""
        across, down = np.meshgrid(np.linspace(-1.0, 1.0, 40), np.linspace(-0.5, 0.5, 10))
        rows = np.stack((across, down, np.ones_like(across)), axis=-1).reshape(-1, 3) * 5.0
        whole = cloud(rows, frame_id='camera_optical', height=10, width=40, row_step=18 * 40)
        rows[np.abs(rows[:, 0]) < 5.0 / 3] = NAN
        blind = cloud(rows, frame_id='camera_optical', height=10, width=40, row_step=18 * 40)
        for message, seen in ((whole, True), (blind, False)):
            _, sight = place(point_clouds.cloud_points(message, 0.05, 1.0, 0.5, 0.1), 0.3, 0.0, 0.0, ROBOT)
            assert sight.covers((1.0, 0.0, 0.0), ROBOT, 1.5, 0.1) == seen
            assert sight.covers((0.1, 0.0, -1.0), ROBOT, 0.2, 0.1)

    @pytest.mark.parametrize('sense', [1, -1])
    @pytest.mark.parametrize('half', [30, 89, 91, 100, 140, 160])
    @pytest.mark.parametrize('start', [-180, 0, 120])
    def test_a_spinning_scanner_that_is_blind_over_more_than_half_a_turn(self, start, half, sense):
        degrees = np.remainder(start + sense * np.arange(360) + 180, 360) - 180
        rows = np.stack((np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), np.full(360, 0.1)), axis=1) * 5.0
        rows[np.abs(degrees) <= half] = NAN
        message = cloud(np.tile(rows, (4, 1)), height=4, width=360, row_step=18 * 360)
        _, sight = place(point_clouds.cloud_points(message, 0.05, 1.0, 0.0, 0.1), 0.0, 0.0, 0.0, ROBOT)
        assert not sight.covers((1.0, 0.0, 0.0), ROBOT, 1.0, 0.1)
        assert sight.covers((-1.0, 0.0, 0.0), ROBOT, 1.0, 0.1)

    @pytest.mark.parametrize('lost', [slice(0, 14), slice(26, 40)])
    def test_columns_beyond_the_last_that_measured_are_blind_too(self, lost):
        angles = np.radians(np.linspace(-60, 60, 40))
        rows = np.stack((np.cos(angles), np.sin(angles), np.full(40, 0.1)), axis=1) * 4.0
        rows[lost] = NAN
        message = cloud(np.tile(rows, (2, 1)), height=2, width=40, row_step=18 * 40)
        _, sight = place(point_clouds.cloud_points(message, 0.05, 1.0, 0.0, 0.1), 0.3, 0.0, 0.0, ROBOT)
        assert sight.covers((1.0, 0.0, 0.0), ROBOT, 1.5, 0.1)
        side = math.copysign(1.0, lost.start - 10)
        bearings = np.radians(np.arange(30, 50)) * side
        assert not sight.covers(
            (math.cos(bearings[10]), math.sin(bearings[10]), 0.0), Footprint(0.3, 0, 0.02, 0.02), 2, 0.5
        )

    @pytest.mark.parametrize('columns', [2, 8, 10, 60])
    @pytest.mark.parametrize('seen', [0, -1])
    def test_one_column_of_several_does_not_tell_where_the_others_look(self, columns, seen):
        """As of an 8 × 8 depth sensor: beside what it sees the way would count as free."""
        angles = np.radians(np.linspace(-30, 30, columns))
        rows = np.stack((np.cos(angles), np.sin(angles), np.full(columns, 0.1)), axis=1) * 4.0
        one = np.full_like(rows, NAN)
        one[seen] = rows[seen]
        every, single = (
            cloud(np.tile(each, (8, 1)), height=8, width=columns, row_step=18 * columns) for each in (rows, one)
        )
        assert point_clouds.cloud_points(every, **LEVEL, min_valid=0.01).bearings.measured.tolist() == [1.0] * columns
        with pytest.raises(InputError, match=rf'of {columns} columns must have measured in two .* Got 1'):
            point_clouds.cloud_points(single, **LEVEL, min_valid=0.01)

    @pytest.mark.parametrize('row', [0, 1, 3])
    def test_a_few_rows_of_many_tell_where_it_is_blind(self, row):
        """Of 480 rows some are enough to look at; but not where none of them has measured."""
        angles = np.radians(np.linspace(-45, 45, 20))
        rows = np.full((480, 20, 3), NAN)
        rows[row::10, :8] = (np.stack((np.cos(angles), np.sin(angles), np.full(20, 0.1)), axis=1) * 4.0)[:8]
        message = cloud(rows.reshape(-1, 3), height=480, width=20, row_step=18 * 20)
        _, sight = place(point_clouds.cloud_points(message, 0.05, 1.0, 0.0, 0.01), 0.3, 0.0, 0.0, ROBOT)
        assert not sight.covers((1.0, 0.0, 0.0), ROBOT, 1.5, 0.05)
        assert sight.covers((0.5, -0.5, 0.0), Footprint(0.1, 0.1, 0.1, 0.1), 1.5, 0.05)

    @pytest.mark.parametrize(
        'rows', [[(1, 1, 1)], [(1, 1, 1), (2, 2, 2)], [(1, 0, 1), (-1, 0.1, 1), (0, -1, 1), (0, 1, 1)] * 2]
    )
    def test_a_heap_of_points_does_not_tell_where_it_is_blind(self, rows):
        message = cloud(rows, height=1 + len(rows) // 8, width=min(len(rows), 4), row_step=72)
        assert place(point_clouds.cloud_points(message, **LEVEL, min_valid=0.1), 0, 0, 0, ROBOT)[1] is None
        message = cloud(rows, height=len(rows), width=1, row_step=18)
        assert place(point_clouds.cloud_points(message, **LEVEL, min_valid=0.1), 0, 0, 0, ROBOT)[1] is None

    def test_malformed(self):
        for wrong in (cloud([(1, 1, 1)], names='xyw'), cloud([(1, 1, 1)], kind='<i2')):
            with pytest.raises(InputError, match=r'must have float fields x, y and z. Got x'):
                cloud_points(wrong, **LEVEL)
        with pytest.raises(InputError, match='Got none'):
            cloud_points(PointCloud2(), **LEVEL)

    @pytest.mark.parametrize(
        ('field', 'changes'),
        [
            ({}, {'width': 2, 'row_step': 36}),
            ({}, {'width': 2**32 - 1, 'height': 1}),
            ({}, {'width': 2**31, 'height': 2**31}),
            ({}, {'point_step': 0}),
            ({}, {'point_step': 17}),
            ({}, {'height': 2, 'width': 1, 'row_step': 0}),
            ({'offset': 2**31 - 1}, {}),
            ({'offset': 2**32 - 1}, {'point_step': 0}),
            ({'offset': 15}, {}),
            ({'count': 2**32 - 1}, {}),
            ({'count': 2}, {}),
        ],
    )
    def test_a_layout_that_cannot_be_is_refused(self, field, changes):
        """Read past its end, such a cloud ended the process."""
        message = cloud([(1, 1, 1)], **changes)
        for name, value in field.items():
            setattr(message.fields[2], name, value)
        with pytest.raises(
            InputError, match=r'a point cloud must (be laid out as its fields say|have at most .* points)'
        ):
            cloud_points(message, **LEVEL)

    def test_too_many_fields(self):
        message = cloud([(1, 1, 1)])
        message.fields = [*message.fields, *[PointField(name=f'f{index}') for index in range(61)]]
        with pytest.raises(InputError, match=r'at most 64 fields, each with a name of its own. Got 65'):
            cloud_points(message, **LEVEL)
        with pytest.raises(InputError, match=r'at most 64 fields, each with a name of its own. Got 65'):
            point_clouds.cloud_from_cdr(serialize_message(message))

    @pytest.mark.parametrize('kind', ['<f4', '>f8'])
    @pytest.mark.parametrize('frame_id', ['', 'a', 'lidar_optical_frame'])
    def test_its_bytes_are_the_cloud(self, kind, frame_id):
        message = cloud([(1, 2, 0.5), (3, 4, 0.5)], kind, frame_id)
        message.header.stamp.sec, message.header.stamp.nanosec, message.is_dense = -1, 2**32 - 1, True
        assert point_clouds.cloud_from_cdr(serialize_message(message)) == message

    def test_fields_that_are_announced_are_not_made(self):
        """Of a million fields none is looked at: there need not even be bytes for them."""
        whole = bytearray(serialize_message(PointCloud2()))
        at = 4 + 12 + 4 + 8  # after the header with an empty frame_id, height and width
        assert whole[at : at + 4] == bytes(4)
        whole[at : at + 4] = (10**6).to_bytes(4, 'little')
        with pytest.raises(InputError, match='at most 64 fields'):
            point_clouds.cloud_from_cdr(whole)


@given(st.data())
def test_no_layout_reads_what_is_not_there(data):
    number = st.sampled_from([0, 1, 2, 3, 4, 8, 12, 16, 17, 18, 2**16, 2**31 - 1, 2**31, 2**32 - 1])
    message = cloud([(1, 2, 0.5), (3, 4, 0.5)], data.draw(st.sampled_from(['<f4', '<f8', '>f4'])))
    for name in data.draw(st.sets(st.sampled_from(['height', 'width', 'point_step', 'row_step']))):
        setattr(message, name, data.draw(number))
    for field in data.draw(st.sets(st.sampled_from([0, 1, 2, 3]))):
        setattr(message.fields[field], data.draw(st.sampled_from(['offset', 'count'])), data.draw(number))
    try:
        points = cloud_points(message, **LEVEL)
    except InputError as error:
        assert '\n' not in str(error)
    else:
        assert np.isfinite(points).all()
        assert len(points) <= message.height * message.width


@given(st.data())
def test_bytes_that_are_no_cloud_are_told_in_a_line(data):
    whole = bytearray(serialize_message(cloud([(1, 2, 0.5), (3, 4, 0.5)])))
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=3)):
        whole[at] = data.draw(st.integers(0, 255))
    try:
        point_clouds.cloud_from_cdr(whole[: data.draw(st.integers(0, len(whole)))])
    except InputError as error:
        assert '\n' not in str(error)


def quaternion(roll, pitch):
    """Of a body that is pitched, and rolled in that."""
    (sr, cr), (sp, cp) = ((math.sin(angle / 2), math.cos(angle / 2)) for angle in (roll, pitch))
    return (sr * cp, cr * sp, -sr * sp, cr * cp)


def matrix(roll, pitch):
    (sr, cr), (sp, cp) = ((math.sin(angle), math.cos(angle)) for angle in (roll, pitch))
    return np.array([[cp, sp * sr, sp * cr], [0.0, cr, -sr], [-sp, cp * sr, cp * cr]])


@pytest.mark.parametrize('roll', [0.0, 0.3, -0.4])
@pytest.mark.parametrize('pitch', [0.0, 0.35, -0.2])
@pytest.mark.parametrize('where', [(0.0, 0.0, 0.0, 0.0), (0.12, -0.05, 0.08, 0.0), (-0.1, 0.0, -0.06, 2.0)])
def test_a_drone_that_tilts_sees_the_ground_below_its_slice_and_a_trunk_within(roll, pitch, where):
    """2 m above the ground, whatever its tilt: the ground is no obstacle, what stands at its height is."""
    x, y, z, yaw = where
    level = np.array(
        [(ahead, side, -2.0) for ahead in (1.0, 2.0, 4.0, 6.0) for side in (-2.0, 0.0, 2.0)]
        + [(3.0, 0.4, up) for up in (-2.0, -1.0, -0.31, -0.29, 0.0, 0.29, 0.31, 1.0)]
    )
    in_body = level @ matrix(roll, pitch) - (x, y, z)
    cos, sin = math.cos(yaw), math.sin(yaw)
    in_sensor = in_body @ np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    frame = heading_frame(quaternion(roll, pitch))
    tilt = point_clouds.Tilt.of(frame, x, y, z, yaw)
    seen = point_clouds.cloud_points(cloud(in_sensor, '<f8'), -0.3, 0.3, 0.0, 0.1, tilt)
    points, _ = place(seen, x, y, yaw, ROBOT)
    np.testing.assert_allclose(points, [(3.0, 0.4)] * 3, atol=1e-9)
    if pitch == 0.35 and not yaw:
        untilted, _ = place(
            point_clouds.cloud_points(cloud(in_sensor, '<f8'), -0.3 + z, 0.3 + z, z, 0.1), x, y, yaw, ROBOT
        )
        assert len(untilted) != 3 or not np.allclose(untilted, points), 'taken as level the ground would be in the way'
