"""Messages of packages that are none of ROS 2's own are recorded, kept and cut by their definitions."""

import sys

import pytest
from foreign_bags import ACKERMANN, ACKERMANN_STAMPED, ackermann_types, write_foreign

from lnn_controller.data import Bag, BagWriter
from lnn_controller.data.bags.cut import cut_bag
from lnn_controller.data.bags.last_seconds import LastSeconds
from lnn_controller.data.bags.writer import offered_qos
from lnn_controller.data.messages.build import typestore
from lnn_controller.data.messages.definitions import store_of
from lnn_controller.errors import InputError
from lnn_controller.nodes.common.message_definitions import message_definition

S = 1_000_000_000
STORE = ackermann_types()
DEFINITION = STORE.generate_msgdef(ACKERMANN_STAMPED, ros_version=2)[0]
# As rosidl finds for ackermann_msgs 2.0.2.
RIHS01 = 'RIHS01_48ca7612a08d3bb72744fd98b71b7cf2ea24c6ad50fa4e1aa0bbad963c90d8cf'


def drive(second):
    header = STORE.types['std_msgs/msg/Header'](STORE.types['builtin_interfaces/msg/Time'](second, 0), 'base_link')
    return STORE.types[ACKERMANN_STAMPED](header, STORE.types[ACKERMANN](0.1, 0.0, float(second), 0.0, 0.0))


def data(second):
    return bytes(STORE.serialize_cdr(drive(second), ACKERMANN_STAMPED))


def described(path):
    """Of each topic its type, definition and hash, and its messages."""
    with Bag(path) as bag:
        kinds = {name: (topic.msgtype, bag.definition(name)) for name, topic in bag.topics.items()}
        return kinds, [(each.topic, each.stamp_ns, bytes(each.data)) for each in bag.messages()]


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_bag_says_what_a_foreign_type_is(tmp_path, storage):
    with BagWriter(tmp_path / 'bag', storage=storage) as bag:
        bag.add_topic('/drive', ACKERMANN_STAMPED, definition=DEFINITION)
        bag.write('/drive', S, data(1))
    assert described(tmp_path / 'bag') == (
        {'/drive': (ACKERMANN_STAMPED, DEFINITION)},
        [('/drive', S, data(1))],
    )
    assert RIHS01 in (tmp_path / 'bag' / 'metadata.yaml').read_text()


def test_a_bag_of_several_files_says_it_in_each(tmp_path):
    with BagWriter(tmp_path / 'bag', max_seconds=1.5) as bag:
        bag.add_topic('/drive', ACKERMANN_STAMPED, definition=DEFINITION)
        for second in range(6):
            bag.write('/drive', second * S, data(second))
    files = sorted((tmp_path / 'bag').glob('*.mcap'))
    assert len(files) == 3
    assert [described(file)[0]['/drive'][1] for file in files] == [DEFINITION] * 3


def test_a_cut_and_the_last_seconds_hold_them_too(tmp_path):
    source = write_foreign(tmp_path / 'bag', STORE, [('/drive', second * S, drive(second)) for second in range(10)])
    cut_bag(source, tmp_path / 'cut', 2.0, 4.0)
    wanted = {'/drive': (ACKERMANN_STAMPED, DEFINITION)}, [('/drive', second * S, data(second)) for second in (2, 3, 4)]
    assert described(tmp_path / 'cut') == wanted
    kept = LastSeconds(tmp_path / 'moments', 2.0, 10**6, BagWriter)
    kept.add_topic('/drive', ACKERMANN_STAMPED, qos=offered_qos(), definition=DEFINITION)
    for second in range(5):
        kept.write('/drive', second * S, data(second))
    path = kept.keep()
    kept.close()
    assert described(path) == wanted


@pytest.mark.parametrize(
    ('definition', 'told'),
    [
        (
            '',
            r"topic /x: a message type of the ROS 2 common interfaces is needed. Got 'ackermann.*Stamped', not defined",
        ),
        (
            'not a field $',
            'topic /x: the definition of ackermann_msgs/msg/AckermannDriveStamped must be that of a mess',
        ),
        ('ackermann_msgs/AckermannDrive drive', 'must be that of a message. Got'),
    ],
)
def test_a_type_that_is_not_defined_is_named(tmp_path, definition, told):
    with BagWriter(tmp_path / 'bag') as bag:
        with pytest.raises(InputError, match=told):
            bag.add_topic('/x', ACKERMANN_STAMPED, definition=definition)
        assert not bag.topics


def test_ros_own_types_stay_as_they_are():
    assert store_of('std_msgs/msg/String', 'int32 data') is typestore()
    assert ACKERMANN not in typestore().types


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A prefix in which a package has messages, as colcon and apt install them."""
    python, share = tmp_path / 'lib/python3.12/site-packages/lnn_made_msgs', tmp_path / 'share/lnn_made_msgs/msg'
    for folder in (python, share):
        folder.mkdir(parents=True)
    (python / '__init__.py').touch()
    definitions = {
        'Inside': 'uint8 KIND=1\nfloat64[<=3] values\n',
        'Outside': 'std_msgs/Header header\nInside[] parts\nInside one  # of them\nlnn_made_msgs/Inside[2] two\n',
        'Open': 'lnn_made_msgs/Missing missing\n',
    }
    for name, text in definitions.items():
        (share / f'{name}.msg').write_text(text)
    monkeypatch.syspath_prepend(tmp_path / 'lib/python3.12/site-packages')
    yield definitions
    sys.modules.pop('lnn_made_msgs', None)


def test_an_installed_package_defines_its_messages(tmp_path, installed):
    definition = message_definition('lnn_made_msgs/msg/Outside')
    assert definition.startswith(installed['Outside'])
    assert definition.count('MSG: lnn_made_msgs/msg/Inside\n' + installed['Inside']) == 1
    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic('/x', 'lnn_made_msgs/msg/Outside', definition=definition)
        bag.write('/x', 1, b'\0\1\0\0' + bytes(40))
    with Bag(tmp_path / 'bag') as bag:
        assert 'uint8 KIND=1' in bag.definition('/x')
    assert message_definition('std_msgs/msg/String') == ''


@pytest.mark.parametrize('name', ['lnn_made_msgs/msg/Open', 'lnn_made_msgs/msg/Missing', 'lnn_no_msgs/msg/Missing'])
def test_a_definition_that_is_not_installed_is_named(installed, name):
    package = name.partition('/')[0]
    told = f'its definition, share/{package}/msg/Missing.msg, must be installed here'
    with pytest.raises(InputError, match=told):
        message_definition(name)
