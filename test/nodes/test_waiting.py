from lnn_controller.nodes.controller.waiting import waiting_for

IMAGE, COMPRESSED, IMU = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage', 'sensor_msgs/msg/Imu'


def test_the_nearest_topic_of_the_type_comes_first():
    published = {
        '/imu/data': [IMU],
        '/depth/picture': [IMAGE],
        '/camera/image_raw': [IMAGE],
        '/camera/image_raw/compressed': [COMPRESSED],
    }
    text = waiting_for('/image_raw', IMAGE, published)
    assert text.startswith(
        'waits for /image_raw (sensor_msgs/msg/Image): nobody publishes it. There are /camera/image_raw'
    )
    assert text.index('/depth/picture') < text.index('/camera/image_raw/compressed')
    assert '/imu/data' not in text
    assert text.endswith('remap it with -r /image_raw:=/camera/image_raw')


def test_only_the_other_transport_is_there():
    text = waiting_for('/image_raw', IMAGE, {'/camera/image_raw/compressed': [COMPRESSED]})
    assert text.endswith('set image_transport to compressed and remap the topic that it names')


def test_nothing_of_the_type():
    text = waiting_for('/imu/data', IMU, {'/image_raw': [IMAGE]})
    assert text.endswith(f'nobody publishes it, nor any other topic of type {IMU}')


def test_published_under_another_type_is_not_published():
    assert 'nobody publishes it' in waiting_for('/image_raw', IMAGE, {'/image_raw': [COMPRESSED]})
    assert 'nothing has come that could be taken' in waiting_for('/image_raw', IMAGE, {'/image_raw': [IMAGE]})


def test_a_long_list_is_cut():
    text = waiting_for('/imu/data', IMU, {f'/imu_{number}': [IMU] for number in range(9)})
    assert ' and 5 more: remap' in text
