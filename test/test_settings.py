import argparse
import math
from dataclasses import dataclass

import pytest

from lnn_controller.errors import InputError
from lnn_controller.settings import Setting, add_flag, check_number, check_settings, setting, settings_of


@pytest.mark.parametrize(
    ('limits', 'fits', 'refused', 'wanted'),
    [
        ({}, (-1, 1e300), (math.nan, math.inf, '1', True, None, 10**400), 'a number'),
        ({'minimum': 0.0}, (0, 5.0), (-1e-9,), 'a number of at least 0'),
        ({'above': 0.0}, (1e-9,), (0, -1.0), 'a positive number'),
        ({'above': 0.0, 'maximum': 2.0, 'unit': 'm'}, (2,), (0.0, 2.1), 'a positive number of at most 2 m'),
        ({'above': 0.0, 'unit': 's'}, (1,), (0.0,), 'a positive number of s'),
        ({'above': 1.0}, (1.1,), (1.0,), 'a number above 1'),
        ({'minimum': 0.0, 'below': 1.0}, (0.0, 0.999), (1.0, -0.1), 'a number of at least 0 and below 1'),
        ({'minimum': 1, 'maximum': 3, 'unit': 'Hz'}, (1, 3.0), (0.9, 3.1), 'a number from 1 to 3 Hz'),
        ({'whole': True, 'minimum': 2}, (2, 10**400), (1, 2.0, True), 'a whole number of at least 2'),
    ],
)
def test_numbers(limits, fits, refused, wanted):
    for value in fits:
        assert check_number('x', value, **limits) == value
    for value in refused:
        with pytest.raises(InputError) as error:
            check_number('x', value, **limits)
        assert str(error.value).startswith(f'x must be {wanted}. Got ')


@dataclass(frozen=True)
class Pace:
    rate_hz: float = setting(5.0, 'How often.', 'Hz', 1.0, 9.0)
    kind: str = setting('slow', 'Which.', choices=('slow', 'fast'))
    note: str = 'no setting'


def test_a_dataclass_carries_its_settings():
    assert settings_of(Pace)['rate_hz'] == Setting('rate_hz', 5.0, 'How often.', 'Hz', 1.0, 9.0)
    assert list(settings_of(Pace)) == ['rate_hz', 'kind']
    pace = Pace(rate_hz=3)
    check_settings(pace)
    assert (type(pace.rate_hz), pace.rate_hz) == (float, 3.0)
    with pytest.raises(InputError, match=r"^pace\.kind must be one of slow, fast\. Got 'odd'$"):
        check_settings(Pace(kind='odd'), 'pace.')


def test_a_list_of_whole_numbers():
    colour = Setting('colour', (255, 0, 0), 'Which.', minimum=0, maximum=255)
    assert colour.check([1, 2]) == (1, 2)
    for value in ((1.0,), (True,), (256,), ('1',), 3):
        with pytest.raises(InputError, match=r'^colour must be a list of whole numbers from 0 to 255\. Got '):
            colour.check(value)
    parser = argparse.ArgumentParser()
    add_flag(parser, colour)
    assert parser.parse_args(['--colour', '1', '2', '3']).colour == [1, 2, 3]
    assert 'which (default: 255 0 0)' in parser.format_help()


def test_flags_are_none_unless_given():
    parser = argparse.ArgumentParser()
    for each in (*settings_of(Pace).values(), Setting('on', True, 'Whether.'), Setting('names', ['a', 'b'], 'Which.')):
        add_flag(parser, each)
    add_flag(parser, Setting('loop', False, 'Again.'), '--loop', '-l', action='store_true')
    assert set(vars(parser.parse_args([])).values()) == {None}
    given = parser.parse_args(['--rate-hz', '2', '--kind', 'fast', '--no-on', '--names', 'x', 'y', '-l'])
    assert vars(given) == {'rate_hz': 2.0, 'kind': 'fast', 'on': False, 'names': ['x', 'y'], 'loop': True}
    text = ' '.join(parser.format_help().split())
    assert 'how often (default: 5.0)' in text
    assert 'which (default: a b)' in text
    assert '--rate-hz HZ' in text
