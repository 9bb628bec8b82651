"""The car: its shape, masses, joints, motor, steering servos, IMU and cameras, as MuJoCo's XML."""

__all__ = ['CAR_LOOK_GROUP', 'TIMESTEP_S', 'TRACK_WIDTH_M', 'WHEELBASE_M', 'WHEEL_RADIUS_M', 'car_xml']

TIMESTEP_S = 1 / 600  # camera (30 Hz), IMU (200 Hz) and control (50 Hz) are whole numbers of steps
WHEELBASE_M = 0.6
TRACK_WIDTH_M = 0.4
WHEEL_RADIUS_M = 0.11
MAX_STEERING_RAD = 0.6  # of a single wheel: the inner one turns further than the car's mean angle
CAR_LOOK_GROUP = 2  # the front camera sees nothing of the car: it need not draw it

# The car's frame is at the middle of the rear axle, x ahead, y left, z up. Collision shapes (group 3) are hidden;
# visual ones have no mass and touch nothing. The wheels' collision spheres touch the ground alone.
CAR = f"""
<mujoco model="lnn_car">
  <compiler angle="radian" autolimits="true"/>
  <option timestep="{TIMESTEP_S!r}" integrator="implicitfast" cone="elliptic" impratio="3"/>
  <statistic extent="1" center="0 0 0"/>
  <visual>
    <map znear="0.04" zfar="420"/>
    <quality numslices="20" numstacks="6" shadowsize="64" offsamples="0"/>
  </visual>
  <default>
    <default class="look"><geom contype="0" conaffinity="0" group="1" mass="0"/></default>
    <default class="car_look"><geom contype="0" conaffinity="0" group="{CAR_LOOK_GROUP}" mass="0"/></default>
    <default class="tyre"><geom contype="0" conaffinity="1" type="sphere" size="{WHEEL_RADIUS_M}" group="3"
      mass="0.4" friction="1.1 0.005 0.0005"/></default>
    <default class="axle"><joint axis="0 1 0" damping="0.002" armature="0.005"/></default>
    <default class="knuckle"><joint axis="0 0 1" damping="0.3" armature="0.01"
      range="-{MAX_STEERING_RAD} {MAX_STEERING_RAD}"/></default>
  </default>
  <asset>
    <material name="paint" rgba="0.78 0.10 0.09 1" specular="0.5" shininess="0.6"/>
    <material name="stripe" rgba="0.95 0.95 0.93 1" specular="0.2"/>
    <material name="glass" rgba="0.10 0.13 0.17 1" specular="0.8" shininess="0.9"/>
    <material name="rubber" rgba="0.07 0.07 0.075 1" specular="0"/>
    <material name="rim" rgba="0.72 0.73 0.75 1" specular="0.5"/>
    <material name="black" rgba="0.09 0.09 0.10 1" specular="0.1"/>
    <material name="lamp" rgba="1 0.97 0.85 1" emission="0.5" specular="0"/>
    <material name="tail" rgba="0.85 0.05 0.04 1" emission="0.4" specular="0"/>
    <material name="shade" rgba="0 0 0 0.28" specular="0"/>
    <material name="barrel" rgba="0.92 0.38 0.08 1" specular="0"/>
    <material name="band" rgba="0.95 0.95 0.95 1" specular="0"/>
    <mesh name="tub" vertex="-0.17 -0.15 -0.02  -0.17 0.15 -0.02  0.76 -0.15 -0.03  0.76 0.15 -0.03
      -0.19 -0.155 0.09  -0.19 0.155 0.09  0.79 -0.14 0.04  0.79 0.14 0.04
      -0.17 -0.14 0.145  -0.17 0.14 0.145  0.40 -0.15 0.135  0.40 0.15 0.135  0.74 -0.125 0.085  0.74 0.125 0.085"/>
    <mesh name="cabin" vertex="-0.10 -0.14 0.13  -0.10 0.14 0.13  0.46 -0.145 0.12  0.46 0.145 0.12
      0.02 -0.105 0.245  0.02 0.105 0.245  0.27 -0.11 0.245  0.27 0.11 0.245"/>
    <mesh name="roof" vertex="0.005 -0.108 0.236  0.005 0.108 0.236  0.285 -0.112 0.236  0.285 0.112 0.236
      0.03 -0.10 0.262  0.03 0.10 0.262  0.25 -0.105 0.262  0.25 0.105 0.262"/>
    <mesh name="fender" vertex="-0.13 -0.05 0.06  -0.13 0.05 0.06  0.13 -0.05 0.06  0.13 0.05 0.06
      -0.14 -0.05 0.095  -0.14 0.05 0.095  0.14 -0.05 0.095  0.14 0.05 0.095
      -0.08 -0.045 0.135  -0.08 0.045 0.135  0.08 -0.045 0.135  0.08 0.045 0.135"/>
  </asset>
  <worldbody>
    <light name="sun" directional="true" pos="0 0 20" dir="-0.4 0.3 -1" specular="0.3 0.3 0.3" castshadow="false"/>
    <body name="car" pos="0 0 {WHEEL_RADIUS_M}">
      <freejoint name="root"/>
      <geom name="chassis" contype="0" conaffinity="1" type="box" size="0.42 0.17 0.06" pos="0.3 0 0.06" mass="6"
        group="3"/>
      <geom class="car_look" type="mesh" mesh="tub" material="paint"/>
      <geom class="car_look" type="mesh" mesh="cabin" material="glass"/>
      <geom class="car_look" type="mesh" mesh="roof" material="paint"/>
      <geom class="car_look" type="box" size="0.11 0.022 0.002" pos="0.14 0 0.262" material="stripe"/>
      <geom class="car_look" type="box" size="0.135 0.022 0.002" pos="0.585 0 0.1135" euler="0 0.146 0"
        material="stripe"/>
      <geom class="car_look" type="box" size="0.02 0.16 0.022" pos="0.785 0 0.0" material="black"/>
      <geom class="car_look" type="box" size="0.02 0.16 0.025" pos="-0.185 0 0.015" material="black"/>
      <geom class="car_look" type="box" size="0.34 0.155 0.012" pos="0.3 0 -0.02" material="black"/>
      <geom class="car_look" type="box" size="0.012 0.03 0.014" pos="0.765 0.095 0.062" material="lamp"/>
      <geom class="car_look" type="box" size="0.012 0.03 0.014" pos="0.765 -0.095 0.062" material="lamp"/>
      <geom class="car_look" type="box" size="0.006 0.038 0.016" pos="-0.184 0.105 0.09" material="tail"/>
      <geom class="car_look" type="box" size="0.006 0.038 0.016" pos="-0.184 -0.105 0.09" material="tail"/>
      <geom class="car_look" type="box" size="0.04 0.17 0.006" pos="-0.165 0 0.225" material="black"/>
      <geom class="car_look" type="box" size="0.012 0.006 0.045" pos="-0.15 0.09 0.18" material="black"/>
      <geom class="car_look" type="box" size="0.012 0.006 0.045" pos="-0.15 -0.09 0.18" material="black"/>
      <geom class="car_look" type="mesh" mesh="fender" pos="0 0.195 0" material="paint"/>
      <geom class="car_look" type="mesh" mesh="fender" pos="0 -0.195 0" material="paint"/>
      <geom class="car_look" type="mesh" mesh="fender" pos="{WHEELBASE_M} 0.195 0" material="paint"/>
      <geom class="car_look" type="mesh" mesh="fender" pos="{WHEELBASE_M} -0.195 0" material="paint"/>
      <geom class="car_look" type="cylinder" size="0.010 0.13" pos="0.455 0 0.25" material="black"/>
      <geom class="car_look" type="box" size="0.030 0.040 0.022" pos="0.465 0 0.39" euler="0 0.2 0" material="black"/>
      <geom class="car_look" type="ellipsoid" size="0.53 0.27 0.0005" pos="0.31 0 -0.103" material="shade"/>
      <geom class="car_look" type="ellipsoid" size="0.49 0.24 0.0005" pos="0.31 0 -0.101" material="shade"/>
      <site name="imu" pos="0.3 0 0.05"/>
      <camera name="front" pos="0.50 0 0.39" xyaxes="0 -1 0 0.1987 0 0.9801" fovy="50"/>
      <camera name="chase" pos="-1.75 0 0.85" xyaxes="0 -1 0 0.27 0 1" fovy="52"/>
      {{wheels}}
    </body>
  </worldbody>
  <tendon><fixed name="rear">
    <joint joint="rear_left" coef="0.5"/><joint joint="rear_right" coef="0.5"/>
  </fixed></tendon>
  <actuator>
    <position name="steer_left" joint="steer_left" kp="20" timeconst="0.04"/>
    <position name="steer_right" joint="steer_right" kp="20" timeconst="0.04"/>
    <velocity name="drive" tendon="rear" kv="2.5" forcerange="-3 3"/>
  </actuator>
  <sensor><gyro name="gyro" site="imu"/><accelerometer name="accelerometer" site="imu"/></sensor>
</mujoco>
"""

WHEEL = """
<body name="{name}_wheel" {place}><joint name="{name}" class="axle"/><geom class="tyre"/>
  <geom class="car_look" type="cylinder" size="0.11 0.042" euler="1.5708 0 0" material="rubber"/>
  <geom class="car_look" type="cylinder" size="0.066 0.0435" euler="1.5708 0 0" material="rim"/>
  <geom class="car_look" type="box" size="0.060 0.0445 0.011" material="black"/>
  <geom class="car_look" type="box" size="0.011 0.0445 0.060" material="black"/>
</body>
"""


def car_xml() -> str:
    """
    Write the car's model, alone in a world without ground.

    :returns: MJCF; the car is the body ``car``, its cameras ``front`` and ``chase``
    """
    wheels = ''
    for side, y in (('left', TRACK_WIDTH_M / 2), ('right', -TRACK_WIDTH_M / 2)):
        wheels += WHEEL.format(name=f'rear_{side}', place=f'pos="0 {y} 0"')
        wheels += (
            f'<body name="{side}_knuckle" pos="{WHEELBASE_M} {y} 0"><joint name="steer_{side}" class="knuckle"/>'
            f'<inertial pos="0 0 0" mass="0.2" diaginertia="1e-4 1e-4 1e-4"/>'
            f'{WHEEL.format(name=f"front_{side}", place="")}</body>'
        )
    return CAR.format(wheels=wheels)
