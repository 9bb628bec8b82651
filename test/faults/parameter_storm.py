"""A client that sets a parameter far too often, in a process of its own: prints what came of it as JSON."""

import json
import sys

import rclpy
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters


def storm(count, rate_hz):
    """Set `speed_scale` `count` times, every fourth time to what is refused, without waiting for an answer."""
    rclpy.init()
    node = rclpy.create_node('parameter_storm')
    client = node.create_client(SetParameters, '/controller/set_parameters')
    assert client.wait_for_service(30.0), 'parameters can be set'
    futures = []

    def send():
        for _ in range(rate_hz // 100):
            value = -1.0 if len(futures) % 4 == 0 else 0.5 + (len(futures) % 10) / 20
            given = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=value)
            request = SetParameters.Request(parameters=[Parameter(name='speed_scale', value=given)])
            futures.append(client.call_async(request))

    timer = node.create_timer(0.01, send)
    while len(futures) < count:
        rclpy.spin_once(node)
    node.destroy_timer(timer)
    last = client.call_async(SetParameters.Request(parameters=[]))
    rclpy.spin_until_future_complete(node, last, timeout_sec=30.0)
    answers = [future.result().results[0] for future in futures if future.done()]
    refused = [answer.reason for answer in answers if not answer.successful]
    print(json.dumps({'sent': len(futures), 'answered': len(answers), 'refused': refused, 'answers': last.done()}))


if __name__ == '__main__':
    storm(int(sys.argv[1]), int(sys.argv[2]))
