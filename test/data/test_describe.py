from mcap.writer import CompressionType
from recordings import write_drive, write_mcap

from lnn_controller.data import Bag
from lnn_controller.data.bags.storage import is_bag
from lnn_controller.data.describe import describe_bag

WHOLE = """\
bag drive: 340 messages in 2.0 s

  /cmd_vel    geometry_msgs/msg/TwistStamped  100
  /image_raw  sensor_msgs/msg/Image  40
  /imu/data   sensor_msgs/msg/Imu  200

whole, as far as its checksums and its index show
"""


def test_a_whole_bag(tmp_path, storage):
    assert describe_bag(write_drive(tmp_path / 'drive', storage=storage)) == WHOLE


def test_what_was_left_out_is_told(drive, tmp_path):
    with Bag(drive) as bag:
        messages = list(bag.messages())
    file = tmp_path / 'bad.mcap'
    write_mcap(file, messages, beside=[('jsonschema', 'json')], chunk_size=4000, compression=CompressionType.LZ4)
    data = bytearray(file.read_bytes())
    data[data.index(b'lz4', len(data) // 2) + 40] ^= 1
    file.write_bytes(data[:-20])
    text = describe_bag(file)
    assert 'left out, as no ROS 2 messages: /beside_0 (json)\n' in text
    assert 'cut off: bad.mcap: read as far as it is whole\n' in text
    assert 'damaged: bad.mcap: chunk at byte ' in text
    assert 'whole, as far' not in text


def test_names_of_topics_do_not_act_on_the_terminal(drive, tmp_path):
    with Bag(drive) as bag:
        messages = [message._replace(topic='/a\x1b[2J') for message in bag.messages(['/cmd_vel'])]
    write_mcap(tmp_path / 'odd.mcap', messages)
    assert '/a\\x1b[2J' in describe_bag(tmp_path / 'odd.mcap')


def test_what_looks_like_a_bag(drive, tmp_path):
    assert is_bag(drive)
    assert is_bag(drive / 'drive.mcap')
    assert not is_bag(drive / 'metadata.yaml')
    assert not is_bag(tmp_path)
    assert not is_bag(tmp_path / 'nothing.mcap')
