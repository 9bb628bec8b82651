"""Why samples and control ticks were left out, in words: each reason that is counted has its sentence here."""

from collections.abc import Mapping

__all__ = ['DROP_REASONS', 'explain_drops']

DROP_REASONS = {
    'file_cut_off': 'files whose end is missing, for the recorder was killed: read as far as they are whole',
    'file_damaged': 'places where the files are damaged: what lay there was left out, all else was read',
    'pause': 'pauses of more than 10 s in which nothing was recorded, or jumps of the clock: nothing is laid across',
    # samples, by read_episode
    'image_undecodable': 'frames whose bytes or encoding do not decode',
    'image_before_key_frame': 'packets of video before the first key frame: what they build on was not recorded',
    'image_after_lost_packet': 'packets of video after a missing or damaged one, until the next key frame',
    'image_without_stamp': 'frames stamped zero in a topic that is otherwise stamped by another clock',
    'image_stamp_far_off': 'frames stamped more than 10 s off the clock of those around them',
    'image_discarded': 'frames of episodes that were marked to be discarded',
    'image_between_episodes': 'frames outside of the marked episodes',
    'image_episode_too_short': 'frames of marked episodes shorter than a second',
    'image_stamp_not_increasing': 'frames not newer than the one before (repeated, or the clock went back)',
    'imu_unreadable': 'IMU samples whose bytes are damaged',
    'imu_incomplete': 'IMU samples that declare their gyro or accelerometer absent',
    'imu_not_plausible': 'IMU samples with NaN, infinity, or more than any IMU measures',
    'imu_without_stamp': 'IMU samples stamped zero in a topic that is otherwise stamped by another clock',
    'imu_stamp_far_off': 'IMU samples stamped more than 10 s off the clock of those around them',
    'imu_stamp_not_increasing': 'IMU samples not newer than the one before (repeated, or the clock went back)',
    'command_unreadable': 'commands whose bytes are damaged',
    'command_not_finite': 'commands with NaN or infinity, or steered by 90° or more',
    'command_not_plausible': 'commands of more than 100 m/s or rad/s',
    'command_without_velocity': 'setpoints of a position or a heading alone, without a velocity and a yaw rate',
    'command_without_heading': 'commands in the axes of the world while no odometry said where the robot heads',
    'command_without_stamp': 'commands stamped zero in a topic that is otherwise stamped by another clock',
    'command_stamp_far_off': 'commands stamped more than 10 s off the clock of those around them',
    'command_stamp_not_increasing': 'commands not newer than the one before (repeated, or the clock went back)',
    # control ticks, by align
    'before_first_image': 'ticks before the first frame',
    'before_first_command': 'ticks before the first command',
    'after_last_command': 'ticks after the last command',
    'image_stale': 'ticks whose newest frame is older than the image timeout',
    'command_stale': 'ticks whose newest command is older than the command timeout',
    'before_first_imu': 'ticks before the first IMU sample',
    'imu_stale': 'ticks whose newest IMU sample is older than the IMU timeout',
}


def explain_drops(drops: Mapping[str, int]) -> list[str]:
    """
    Put counted drops into words.

    :param drops: number by reason, of an Episode or of Ticks
    :returns: one line for each reason that occurred, e.g. ``'3 frames whose … (image_undecodable)'``
    """
    return [f'{count} {DROP_REASONS.get(reason, reason)} ({reason})' for reason, count in drops.items() if count]
