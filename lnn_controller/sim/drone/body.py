"""The quadrotor: its shape, mass, rotors, IMU and cameras, as MuJoCo's XML."""

from lnn_controller.sim.tasks.targets import TARGET_RADIUS_M

__all__ = [
    'DRAG_N_S_M',
    'DRAG_TORQUE_M',
    'DRONE_LOOK_GROUP',
    'FOVY_DEG',
    'HULL_RADIUS_M',
    'INERTIA_KG_M2',
    'MASS_KG',
    'MAX_THRUST_N',
    'ROTORS',
    'TIMESTEP_S',
    'drone_xml',
]

TIMESTEP_S = 1 / 300  # camera (15 Hz), IMU and flight controller (100 Hz) and odometry (30 Hz) are whole steps
MASS_KG = 0.78
INERTIA_KG_M2 = (0.0045, 0.0045, 0.0080)
ARM_M = 0.11  # from the middle to each rotor's axis, ahead and aside
MAX_THRUST_N = 5.0  # of a rotor: four carry 2.6 times the weight
DRAG_TORQUE_M = 0.0167  # torque of a rotor about its axis per newton of thrust
ROTOR_LAG_S = 0.03
DRAG_N_S_M = 0.25  # linear drag of body and rotors in the air
HULL_RADIUS_M = 0.23  # of the sphere about body and rotors
FOVY_DEG = 50.0
DRONE_LOOK_GROUP = 2  # the front camera sees nothing of the drone: it need not draw it

# Where each rotor is, ahead and left, and which way its drag turns the body: front right, front left, rear left, …
ROTORS = ((ARM_M, -ARM_M, 1.0), (ARM_M, ARM_M, -1.0), (-ARM_M, ARM_M, 1.0), (-ARM_M, -ARM_M, -1.0))

# The hull alone touches: the ground, the target and whatever is solid; visual shapes have no mass and touch nothing.
DRONE = f"""
<mujoco model="lnn_drone">
  <compiler angle="radian" autolimits="true"/>
  <option timestep="{TIMESTEP_S!r}" integrator="implicitfast"/>
  <statistic extent="1" center="0 0 0"/>
  <visual>
    <map znear="0.04" zfar="420"/>
    <quality numslices="10" numstacks="6" shadowsize="64" offsamples="0"/>
  </visual>
  <default>
    <geom contype="0" conaffinity="1"/>
    <default class="look"><geom contype="0" conaffinity="0" group="1" mass="0"/></default>
    <default class="solid"><geom contype="0" conaffinity="1" group="1" mass="0"/></default>
    <default class="drone_look"><geom contype="0" conaffinity="0" group="{DRONE_LOOK_GROUP}" mass="0"/></default>
  </default>
  <asset>
    <material name="carbon" rgba="0.10 0.10 0.11 1" specular="0.3"/>
    <material name="shell" rgba="0.92 0.92 0.94 1" specular="0.4"/>
    <material name="disc" rgba="0.25 0.27 0.30 0.45" specular="0"/>
    <material name="ahead" rgba="0.95 0.75 0.10 1" specular="0"/>
    <material name="shade" rgba="0 0 0 0.32" specular="0"/>
    <material name="target" rgba="0.86 0.07 0.05 1" specular="0" emission="0.12"/>
  </asset>
  <worldbody>
    <light name="sun" directional="true" pos="0 0 20" dir="-0.4 0.3 -1" specular="0 0 0" castshadow="false"/>
    <camera name="chase" fovy="60"/>
    <geom class="drone_look" name="drone_shade" type="cylinder" size="0.19 0.001" material="shade"/>
    <geom class="drone_look" name="target_shade" type="cylinder" size="0.34 0.001" material="shade"/>
    <body name="target" mocap="true" pos="9 2 1.4">
      <geom name="target" type="sphere" size="{TARGET_RADIUS_M}" material="target"/>
    </body>
    <body name="drone" pos="0 0 1.4">
      <freejoint name="root"/>
      <inertial pos="0 0 0" mass="{MASS_KG}" diaginertia="{{inertia}}"/>
      <geom name="hull" type="sphere" size="{HULL_RADIUS_M}" contype="1" conaffinity="0" group="3"/>
      <geom class="drone_look" type="box" size="0.075 0.035 0.022" material="shell"/>
      <geom class="drone_look" type="box" size="0.02 0.03 0.015" pos="0.075 0 0.004" material="carbon"/>
      <geom class="drone_look" type="box" size="0.155 0.012 0.007" euler="0 0 0.7854" material="carbon"/>
      <geom class="drone_look" type="box" size="0.155 0.012 0.007" euler="0 0 -0.7854" material="carbon"/>
      <geom class="drone_look" type="box" size="0.05 0.006 0.03" pos="0 0.05 -0.045" material="carbon"/>
      <geom class="drone_look" type="box" size="0.05 0.006 0.03" pos="0 -0.05 -0.045" material="carbon"/>
      {{rotors}}
      <site name="imu"/>
      <camera name="front" pos="0.09 0 0.01" xyaxes="0 -1 0 0 0 1" fovy="{FOVY_DEG!r}"/>
    </body>
  </worldbody>
  <actuator>{{thrusts}}</actuator>
  <sensor><gyro name="gyro" site="imu"/><accelerometer name="accelerometer" site="imu"/></sensor>
</mujoco>
"""


def drone_xml() -> str:
    """
    Write the drone's model with its target, alone in a world without ground.

    :returns: MJCF; bodies ``drone`` and ``target``, cameras ``front`` and ``chase``, actuators ``thrust0`` … in the
        order of :data:`ROTORS`
    """
    rotors, thrusts = '', ''
    for k, (x, y, spin) in enumerate(ROTORS):
        disc = 'ahead' if x > 0 else 'disc'
        rotors += (
            f'<geom class="drone_look" type="cylinder" size="0.012 0.016" pos="{x} {y} 0.016" material="carbon"/>'
            f'<geom class="drone_look" type="cylinder" size="0.072 0.002" pos="{x} {y} 0.034" material="{disc}"/>'
            f'<site name="rotor{k}" pos="{x} {y} 0"/>'
        )
        thrusts += (
            f'<general name="thrust{k}" site="rotor{k}" gear="0 0 1 0 0 {spin * DRAG_TORQUE_M}" '
            f'ctrlrange="0 {MAX_THRUST_N}" dyntype="filterexact" dynprm="{ROTOR_LAG_S}"/>'
        )
    inertia = ' '.join(map(str, INERTIA_KG_M2))
    return DRONE.format(inertia=inertia, rotors=rotors, thrusts=thrusts)
