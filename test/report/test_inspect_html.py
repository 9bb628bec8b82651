"""The page of an inspection, of made-up figures: its sentences turn with them."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lnn_controller.explain.inspection import Inspection, Look, Outcome
from lnn_controller.explain.neurons import Neuron, Neurons, Synapses
from lnn_controller.policy import find_policy, read_spec
from lnn_controller.report.inspect_html import findings, lesions, write_inspection

ROLES = ('motor', 'command', 'inter', 'inter')


def outcome(name, rms_m, departures=0, neurons=()):
    figures = {'departures': departures, 'cross_track_error_rms_m': rms_m, 'cross_track_error_max_m': 2 * rms_m}
    return Outcome(name, neurons, figures, '', math.nan)


@pytest.fixture
def found():
    neurons = tuple(
        Neuron(n, role, 0.1, 0.2, (0.5, math.nan), share, (0.01, 0.2))
        for n, (role, share) in enumerate(zip(ROLES, (0.1, 0.2, 0.3, 0.4), strict=True))
    )
    random = np.random.default_rng(0)
    seen = random.random((24, 40)).astype(np.float32)
    look = Look(random.integers(0, 256, (24, 40, 3), dtype=np.uint8), seen, {26.0: seen}, {26.0: 0.996})
    return Inspection(
        spec=read_spec(find_policy('car_lane')),
        where='road 21, winter, 12.0 s',
        steps=600,
        moves=0.021,
        neurons=Neurons(neurons, (0.8, 0.15, 0.05), (1,)),
        synapses=Synapses(np.eye(5, 4), np.eye(4) - np.eye(4, k=-1)),
        intact=outcome('intact', 0.04),
        wiped=outcome('state wiped at each tick', 0.05),
        single=tuple(outcome(f'neuron {n}', 0.045, neurons=(n,)) for n in range(4)),
        groups=(outcome('the 2 inter neurons', 0.3, 2, (2, 3)), outcome('the camera', 0.5, 4)),
        looks=(look,),
    )


def test_sentences_follow_from_figures(found):
    text = '\n'.join(findings(found))
    assert 'It needs no memory here: with the state wiped at each tick, 5.0 cm' in text
    assert 'No single neuron matters much' in text
    assert 'Without the 2 inter neurons (held at the mean): 30.0 cm and 2 departures.' in text
    assert '10 % motor, 20 % command, 70 % inter): the circuit is not the whole way to it' in text
    assert 'The first principal component has 80 % of the variance of 4 neurons; the first 2 hold 90 %.' in text
    assert 'Intact: 4.0 cm rms from the lane centre.' in text
    assert '1 of 4 neurons lies on a loop of synapses: 1.' in text
    assert '0.996 with noise of 26/255' in text


def test_a_recording_of_the_training_is_named_first(found):
    assert findings(replace(found, known='was trained on this recording'))[0].startswith('It was trained on this')
    assert 'trained' not in findings(found)[0]


def test_other_figures_give_other_sentences(found):
    motor = tuple(replace(n, readout=float(n.role == 'motor')) for n in found.neurons.each)
    other = replace(
        found,
        wiped=outcome('state wiped at each tick', 0.2),
        single=(*found.single[:3], outcome('neuron 3', 0.041, 1, (3,))),
        neurons=replace(found.neurons, each=motor, recurrent=None),
        groups=(outcome('the IMU', 0.041),),
        looks=(),
    )
    text = '\n'.join(findings(other))
    assert 'It uses its memory here: with the state wiped at each tick, 20.0 cm' in text
    assert '1 of 4 neurons matters by itself, most inter 3: 4.1 cm and 1 departure.' in text
    assert 'the circuit is the way to it' in text
    assert 'Without the IMU (held at the mean): 4.1 cm: not needed here.' in text
    assert 'no attention.onnx' in text
    assert 'loop' not in text


def test_of_a_flight_and_of_a_recording(found):
    def flight(name, time_s, neurons=()):
        done = not math.isnan(time_s)
        figures = {'success': int(done), 'time_s': time_s, 'reached': int(done), 'collisions': 0}
        return Outcome(name, neurons, figures, 'success' if done else 'crash', math.nan)

    single = (flight('neuron 0', 8.1, (0,)), flight('neuron 1', math.nan, (1,)))
    flown = replace(found, intact=flight('intact', 8.0), wiped=flight('wiped', 20.0), single=single, groups=())
    text = '\n'.join(findings(flown))
    assert 'Intact: success (8.0 s).' in text
    assert 'It uses its memory here' in text
    assert '1 of 2 neurons matters by itself, most command 1: crash.' in text

    def change(name, share, neurons=()):
        return Outcome(name, neurons, {}, '', share)

    single = (change('neuron 0', 0.001, (0,)), change('neuron 1', 0.05, (1,)))
    seen = replace(found, intact=change('intact', 0.0), wiped=change('wiped', 0.002), single=single, groups=())
    text = '\n'.join(findings(seen))
    assert 'There is no world to drive in' in text
    assert 'its range from its mean, on average' in text
    assert 'The command itself is 2.1 %' in text
    assert (
        'Its memory makes little difference here: the state wiped at each tick moves the command by 0.2 % of the range.'
        in text
    )
    assert '1 of 2 neurons matters by itself, most command 1: 5.0 % of the range.' in text


def test_a_crash_is_worse_than_a_slow_flight_and_a_failure_says_nothing(found):
    def flight(name, outcome, time_s, neurons=()):
        figures = {'success': int(outcome == 'success'), 'time_s': time_s, 'reached': 0, 'collisions': 0}
        return Outcome(name, neurons, figures, outcome, math.nan)

    single = (flight('neuron 0', 'crash', math.nan, (0,)), flight('neuron 1', 'success', 24.0, (1,)))
    intact, wiped = flight('intact', 'success', 8.0), flight('wiped', 'success', 8.1)
    flown = replace(found, intact=intact, wiped=wiped, single=single, groups=())
    assert '2 of 2 neurons matter by themselves, most motor 0: crash.' in findings(flown)
    lost = replace(flown, intact=flight('intact', 'timeout', math.nan), wiped=flight('wiped', 'timeout', math.nan))
    text = '\n'.join(findings(lost))
    assert 'Intact: timeout.' in text
    assert 'What fails as it is cannot tell what it needs' in text
    assert 'memory' not in text
    assert 'matter' not in text
    departed = '\n'.join(findings(replace(found, intact=outcome('intact', 0.3, 2))))
    assert 'Intact: 30.0 cm rms from the lane centre and 2 departures.' in departed
    assert 'What fails as it is cannot tell what it needs' in departed


def test_a_stretch_of_road_may_end_without_departure(found):
    def drive(name, outcome, rms_m, neurons=()):
        figures = {'success': int(outcome == 'success'), 'departures': int(outcome == 'departure')}
        return Outcome(name, neurons, figures | {'cross_track_error_rms_m': rms_m}, outcome, math.nan)

    single = (drive('neuron 0', 'timeout', 0.04, (0,)), drive('neuron 1', 'departure', 0.05, (1,)))
    wiped = drive('wiped', 'success', 0.04)
    driven = replace(found, intact=drive('intact', 'success', 0.04), wiped=wiped, single=single, groups=())
    text = '\n'.join(findings(driven))
    assert '2 of 2 neurons matter by themselves, most command 1: 5.0 cm and 1 departure.' in text
    assert 'It needs no memory here' in text


def test_the_page(found, tmp_path):
    page = write_inspection(tmp_path / 'out', found).read_text()
    assert page.count('<img alt=') == 3
    assert 'src="http' not in page, 'all of it is in the file'
    for each in findings(found):
        assert each in page
    for role, number in zip(ROLES, range(4), strict=True):
        assert f'<td>{role} {number}</td>' in page
    assert '<td>10 … 200</td>' in page
    assert 'time constants, ms' in page
    assert '<th>distance from the lane centre</th>' in page
    assert '<td>4.0 cm</td>' in page
    assert '<th>r, angular_z</th>' in page
    assert 'a departure is added, or the distance is more than 1.5 times that of intact' in page


def test_the_worst_neuron_is_drawn_first(found):
    single = tuple(outcome(f'neuron {n}', rms_m, neurons=(n,)) for n, rms_m in enumerate((0.045, 0.2, 0.041, 0.05)))
    names = list(lesions(replace(found, single=single)))
    assert names[:3] == ['the 2 inter neurons', 'the camera', 'state wiped at each tick']
    assert names[3:] == ['command 1', 'inter 3', 'motor 0', 'inter 2']
