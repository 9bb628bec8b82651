import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, Twist, TwistStamped
from nav_msgs.msg import Odometry
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from ros_probe import one_line, status
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, Imu
from std_msgs.msg import Float64, String, UInt32

from lnn_controller.data.messages.stamp import stamp_ns_of

SIM = 'lnn_controller.nodes.sim_node'


def start(graph, **parameters):
    return graph.start('sim', SIM, parameters={'track': 3, 'realtime_factor': 2.0} | parameters)


def command(linear_x, angular_z, linear_z=0.0):
    twist = Twist()
    twist.linear.x, twist.linear.z, twist.angular.z = linear_x, linear_z, angular_z
    return twist


def position(pose):
    return np.array([pose.position.x, pose.position.y, pose.position.z])


def speed(odometry):
    return odometry[-1].twist.twist.linear.x if odometry else 0.0


def test_a_car_that_is_driven_and_stops_when_nobody_does(graph, probe, tmp_path):
    start(graph)
    odometry, images = probe.collect(Odometry, 'odom'), probe.collect(Image, 'image_raw')
    imu, clock = probe.collect(Imu, 'imu/data'), probe.collect(Clock, '/clock')
    errors = probe.collect(Float64, 'sim/cross_track_error')
    departures = probe.collect(UInt32, 'sim/departures', latched=True)
    probe.until(lambda: len(odometry) > 20 and images and imu and errors and departures, 'every topic is there')
    assert abs(speed(odometry)) < 0.05
    assert abs(errors[-1].data) < 0.05
    assert departures[-1].data == 0
    assert imu[-1].linear_acceleration.z == pytest.approx(9.81, abs=0.5)
    assert imu[-1].orientation_covariance[0] == -1.0
    drive = probe.node.create_publisher(TwistStamped, 'cmd_vel', 1)
    probe.feed('commands', drive, 50.0, lambda _: TwistStamped(twist=command(1.0, 0.0)))
    probe.until(lambda: speed(odometry) > 0.7, 'it drives')
    probe.silence('commands')
    drive.publish(TwistStamped(twist=command(float('nan'), 0.0)))  # is dropped whole, and counts as none
    probe.until(lambda: abs(speed(odometry)) < 0.02, 'it stops')
    picture = np.frombuffer(images[-1].data, np.uint8).reshape(images[-1].height, images[-1].width, 3)
    assert (images[-1].encoding, picture.shape, images[-1].step) == ('rgb8', (66, 200, 3), 600)
    assert picture.std() > 5
    for messages in (odometry, images, imu):
        assert all(np.diff([stamp_ns_of(message) for message in messages]) > 0)
    ticks_ns = np.diff([message.clock.sec * 10**9 + message.clock.nanosec for message in clock])
    assert np.all(ticks_ns > 0)
    assert np.median(ticks_ns) <= 5_000_001
    assert (odometry[-1].header.frame_id, odometry[-1].child_frame_id) == ('odom', 'base_link')
    graph.stop('sim')
    log = (tmp_path / 'logs' / 'sim.log').read_text()
    assert 'no command arrives: the car stops' in log
    assert 'not finite' in log


def test_a_car_that_leaves_its_lane_is_put_back_and_counted(graph, probe):
    start(graph, seed=4, enable_stamped_cmd_vel=False, realtime_factor=4.0)
    errors, told = probe.collect(Float64, 'sim/cross_track_error'), probe.collect(DiagnosticArray, '/diagnostics')
    departures = probe.collect(UInt32, 'sim/departures', latched=True)
    drive = probe.node.create_publisher(Twist, 'cmd_vel', 1)
    probe.feed('commands', drive, 50.0, lambda _: command(1.0, 0.8))
    probe.until(lambda: departures and departures[-1].data >= 2, 'it leaves the lane, is put back, and leaves it again')
    assert max(abs(error.data) for error in errors) < 0.8
    assert min(abs(error.data) for error in errors) < 0.1
    probe.until(lambda: int(status(told, 'sim: world').get('departures', 0)) >= 2, 'it is told')
    assert float(status(told, 'sim: world')['realtime_factor']) > 0
    assert status(told, 'sim: world')['track'] == '4', 'the seed of the world beats its older name'


def test_a_drone_that_flies_until_its_trial_is_over(graph, probe, tmp_path):
    graph.start('sim', SIM, parameters={'robot': 'drone', 'seed': 7, 'realtime_factor': 2.0, 'wear.wind_m_s': 0.0})
    odometry, told = probe.collect(Odometry, 'odom'), probe.collect(DiagnosticArray, '/diagnostics')
    targets, images = probe.collect(PoseStamped, 'sim/target'), probe.collect(Image, 'image_raw')
    distances, bearings = (probe.collect(Float64, f'sim/{name}') for name in ('distance_m', 'bearing_rad'))
    reached = probe.collect(UInt32, 'sim/reached', latched=True)
    outcomes = probe.collect(String, 'sim/outcome', latched=True)
    probe.until(
        lambda: len(odometry) > 20 and targets and images and distances and bearings and reached, 'every topic is there'
    )
    place, target = position(odometry[-1].pose.pose), position(targets[-1].pose)
    assert place[2] == pytest.approx(position(odometry[0].pose.pose)[2], abs=0.05), 'it hovers'
    assert distances[-1].data == pytest.approx(np.linalg.norm(target - place), abs=0.1)
    assert abs(bearings[-1].data) < 0.7, 'the target is in view'
    assert (reached[-1].data, outcomes) == (0, [])
    assert (images[-1].height, images[-1].width) == (72, 128)
    drive = probe.node.create_publisher(TwistStamped, 'cmd_vel', 1)
    probe.feed('commands', drive, 50.0, lambda _: TwistStamped(twist=command(0.0, 0.0, 0.6)))
    probe.until(lambda: odometry[-1].twist.twist.linear.z > 0.4, 'it climbs')
    probe.silence('commands')
    probe.until(lambda: abs(odometry[-1].twist.twist.linear.z) < 0.05, 'it hovers')
    probe.feed('commands', drive, 50.0, lambda _: TwistStamped(twist=command(0.0, 0.0, -1.0)))
    probe.until(lambda: outcomes, 'it touches the ground')
    probe.until(lambda: status(told, 'sim: world').get('outcome') == 'crash', 'it is told')
    probe.until(lambda: abs(odometry[-1].twist.twist.linear.z) < 0.02, 'it hovers, whatever is commanded')
    assert [each.data for each in outcomes] == ['crash']
    assert status(told, 'sim: world')['seed'] == '7'
    graph.stop('sim')
    log = (tmp_path / 'logs' / 'sim.log').read_text()
    assert 'no command arrives: the drone stops' in log
    assert 'the trial is over, the drone stops' in log


@pytest.mark.parametrize(
    ('parameter', 'said'),
    [
        ('robot:=boat', 'parameter robot must be one of car, drone'),
        ('task:=swim', "a task must be one of lane, sign, cue, dark, slow. Got 'swim'"),
        ('scene:=mars', "other_camera. Got 'mars'"),
        ('realtime_factor:=-1', 'parameter realtime_factor must be a number from 0 to 100. Got -1.0'),
        ('track:=1.5', 'parameter track must be a whole number'),
    ],
)
def test_a_mistake_is_one_line(run_node, parameter, said):
    result = run_node('sim_node', '--ros-args', '-p', parameter)
    assert result.returncode == 1
    assert said in one_line(result)


def test_a_camera_that_fails_stops_the_car_until_it_works_again(graph, probe, tmp_path):
    graph.start('sim', 'lnn_controller.nodes.sim_node')
    drive = {'autostart': True, 'use_sim_time': True}
    graph.start('controller', 'lnn_controller.nodes.controller_node', parameters=drive)
    odometry = probe.collect(Odometry, 'odom')
    probe.until(lambda: speed(odometry) > 0.5, 'the car drives')

    def camera(works):
        given = ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=works)
        request = SetParameters.Request(parameters=[Parameter(name='camera', value=given)])
        assert probe.call(SetParameters, '/sim/set_parameters', request).results[0].successful

    camera(False)
    # Pictures go out as best effort: which of them was the controller's last, the probe cannot know.
    log = tmp_path / 'logs' / 'controller.log'
    probe.until(lambda: 'robot stopped (image_stale)' in log.read_text(), 'it stops, and says why')
    probe.until(lambda: abs(speed(odometry)) < 0.02, 'it stands')
    camera(True)
    probe.until(lambda: speed(odometry) > 0.5, 'it drives on')


def test_wear_is_set_live_and_by_a_scenario(graph, probe, tmp_path):
    file = tmp_path / 'scenario.yaml'
    file.write_text('- {at_s: 1.0, gyro_bias_rad_s: 0.25}\n')
    start(graph, scenario=str(file))
    imu = probe.collect(Imu, 'imu/data')
    probe.until(lambda: imu, 'the IMU speaks')
    assert abs(imu[-1].angular_velocity.z) < 0.05
    request = SetParameters.Request(
        parameters=[
            Parameter(
                name=f'wear.{name}', value=ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=value)
            )
            for name, value in (('accel_bias_m_s2', 2.0), ('slip', 7.0))
        ]
    )
    results = probe.call(SetParameters, '/sim/set_parameters', request).results
    assert [each.successful for each in results] == [True, False]
    probe.until(lambda: imu[-1].linear_acceleration.x > 1.5, 'the parameter holds')
    assert abs(imu[-1].angular_velocity.z) < 0.05, 'the scenario waits for the first command to move'
    drive = probe.node.create_publisher(TwistStamped, 'cmd_vel', 1)
    probe.feed('commands', drive, 50.0, lambda _: TwistStamped(twist=command(0.4, 0.0)))
    probe.until(lambda: np.mean([each.angular_velocity.z for each in imu[-50:]]) > 0.2, 'the scenario comes')
    graph.stop('sim')
    assert 'scenario, 1 s: gyro_bias_rad_s 0.25' in (tmp_path / 'logs' / 'sim.log').read_text()


def test_a_scenario_that_is_not_there(run_node):
    result = run_node('sim_node', '--ros-args', '-p', 'scenario:=/none.yaml')
    assert result.returncode == 1
    assert 'a scenario must be a file that can be read. Got /none.yaml' in one_line(result)
