import array
import math
import sys

import numpy as np
import pytest
from sensor_msgs.msg import LaserScan, PointCloud2, PointField

from lnn_controller.errors import InputError
from lnn_controller.nodes.obstacles import cloud_points, place, require_point_clouds, scan_points

LEVEL = {'min_height_m': 0.05, 'max_height_m': 1.0, 'sensor_z_m': 0.0}


def scan(ranges, **changes):
    given = {'angle_min': -math.pi / 2, 'angle_increment': math.pi / 2, 'range_min': 0.1, 'range_max': 10.0}
    return LaserScan(ranges=ranges, **given | changes)


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


def test_ranges_that_are_no_measurement():
    nowhere = [math.nan, math.inf, 0.0, 0.05, 10.5, -1.0]
    message = scan([*nowhere, 10.0], angle_min=0.0, angle_increment=0.1)
    np.testing.assert_allclose(scan_points(message), [[10 * math.cos(0.6), 10 * math.sin(0.6)]], rtol=1e-6)
    assert scan_points(scan(nowhere)).shape == (0, 2)
    assert scan_points(scan([])).shape == (0, 2)
    assert scan_points(scan([math.inf, math.nan], range_max=math.inf)).shape == (0, 2)


def test_too_near_to_be_measured_is_an_obstacle():
    message = scan([math.inf, -math.inf, math.inf])
    np.testing.assert_allclose(scan_points(message), [[0.1, 0.0]], atol=1e-6)
    assert message.ranges[1] == -math.inf  # the message itself stays


def test_intensities_are_ignored():
    np.testing.assert_array_equal(scan_points(scan([1.0], intensities=[5.0])), scan_points(scan([1.0])))


def test_one_range_needs_no_increment():
    np.testing.assert_allclose(scan_points(scan([1.0], angle_min=0.0, angle_increment=0.0)), [[1.0, 0.0]])


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'angle_increment': 0.0}, 'a scan of 2 ranges must have .* an angle_increment other than 0. Got -1.*and 0:'),
        ({'angle_increment': math.nan}, 'a scan of 2 ranges must have .* Got .* and nan'),
        ({'angle_min': math.inf}, 'must have a finite angle_min .* Got inf'),
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


def test_place():
    seen = np.array([[1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(place(seen, 0.0, 0.0, 0.0), seen)
    np.testing.assert_allclose(place(seen, 0.2, -0.1, math.pi / 2), [[0.2, 0.9], [-0.8, -0.1]], atol=1e-12)
    np.testing.assert_allclose(place(seen, 0.2, 0.0, math.pi), [[-0.8, 0.0], [0.2, -1.0]], atol=1e-12)
    assert place(np.empty((0, 2)), 1.0, 1.0, 1.0).shape == (0, 2)


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, 'sensor_msgs_py', None)  # what Python itself does for "not to be imported"
    for call in (require_point_clouds, lambda: cloud_points(cloud([(1, 1, 1)]), **LEVEL)):
        with pytest.raises(
            InputError, match=r'need .* sensor_msgs_py.* apt install .* or .* guard.source:=scan'
        ) as info:
            call()
        assert '\n' not in str(info.value)


@pytest.fixture
def library():
    return pytest.importorskip('sensor_msgs_py', reason='comes with a ROS installation, not from PyPI')


@pytest.mark.usefixtures('library')
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
        assert cloud_points(cloud([]), **LEVEL).shape == (0, 2)

    @pytest.mark.parametrize('frame_id', ['camera_depth_optical_frame', 'camera_optical'])
    def test_a_cameras_optical_frame(self, frame_id):
        """x right, y down, z forward: 2 m ahead, 0.5 m to the left, 0.25 m up."""
        assert cloud_points(cloud([(-0.5, -0.25, 2.0)], frame_id=frame_id), **LEVEL).tolist() == [[2.0, 0.5]]

    def test_an_organised_cloud(self):
        message = cloud([(1, 0, 0.5), (2, 0, 0.5), (3, 0, 0.5), (4, 0, 0.5)], height=2, width=2, row_step=36)
        assert cloud_points(message, **LEVEL)[:, 0].tolist() == [1, 2, 3, 4]
        message.row_step = 40
        with pytest.raises(InputError, match=r'row_step = width \* point_step. Got 40, 2 and 18'):
            cloud_points(message, **LEVEL)

    def test_as_the_library_writes_it(self):
        rows = [(1.0, 2.0, 0.5), (3.0, 4.0, 0.5)]
        message = require_point_clouds().create_cloud_xyz32(cloud([]).header, rows)
        assert cloud_points(message, **LEVEL).tolist() == [[1, 2], [3, 4]]

    def test_malformed(self):
        for wrong in (cloud([(1, 1, 1)], names='xyw'), cloud([(1, 1, 1)], kind='<i2')):
            with pytest.raises(InputError, match=r'must have float fields x, y and z. Got x'):
                cloud_points(wrong, **LEVEL)
        with pytest.raises(InputError, match='Got none'):
            cloud_points(PointCloud2(), **LEVEL)
        short = cloud([(1, 1, 1)], width=2)
        with pytest.raises(InputError, match=r'laid out as its fields say. Got .*buffer'):
            cloud_points(short, **LEVEL)
