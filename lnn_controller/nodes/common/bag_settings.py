"""What one may set about the recorder and the player, as parameters and as flags; loads no rclpy."""

from lnn_controller.data.topic_names import DISCARD, KEEP, START
from lnn_controller.settings import Setting

__all__ = ['MARKS', 'PLAYER_SETTINGS', 'RECORDER_SETTINGS']

# What each mark in a recording does.
MARKS = {START: 'an episode begins', KEEP: 'it ends and is kept', DISCARD: 'it ends and is discarded'}

RECORDER_SETTINGS = (
    Setting('bag', 'bag', 'Folder of the new bag; an existing one is never overwritten.'),
    Setting('storage', 'mcap', 'Format of the bag.', choices=('mcap', 'sqlite3')),
    Setting(
        'topics',
        [''],
        'What to record, as soon as it is published; empty: the usual topics. Relative names are remapped.',
    ),
    Setting('all', False, 'Record every topic of the graph, also those that come later.'),
    Setting('exclude', '', 'Regular expression: topics that match it as a whole are not recorded.'),
    Setting('compression', 'none', 'Of what is written: none, or zstd (mcap alone).', choices=('none', 'zstd')),
    Setting(
        'max_size_mb', 0.0, 'Begin another file when one has grown to this; 0: never (mcap alone).', 'MB', 0.0, 1e6
    ),
    Setting('max_duration_s', 0.0, 'Begin another file after this time; 0: never (mcap alone).', 's', 0.0, 1e6),
    Setting(
        'report_s', 5.0, 'Tell rates that changed, and losses, in the log at this interval; 0: never.', 's', 0.0, 3600.0
    ),
    Setting(
        'keep_last_s',
        0.0,
        'Keep so much in memory, and write it only when somebody asks, each time as a bag of its own in the folder '
        '`bag`: by `~/keep`, or the mark keep; 0: record everything.',
        's',
        0.0,
        3600.0,
    ),
    Setting('keep_last_mb', 500.0, 'Memory for that; the oldest is let go of where it is too little.', 'MB', 1.0, 1e6),
    Setting('mark_by_keys', False, 'In a terminal: s starts an episode, k keeps it, d discards it, for training.'),
    *(
        Setting(f'joy_{word}_button', -1, f'Button on `joy` that marks: {text}; -1: none.', '', -1, 255)
        for word, text in MARKS.items()
    ),
)
PLAYER_SETTINGS = (
    Setting('bag', 'bag', 'The bag: a folder, a .mcap or a .db3 file.'),
    Setting('rate', 1.0, 'How fast: 1 is as recorded.', '', 0.01, 100.0, change='live'),
    Setting('start_s', 0.0, 'Where to begin, from the start of the bag.', 's', 0.0, 1e9),
    Setting('loop', False, 'Begin again at the end; the time jumps back then.'),
    Setting('paused', False, 'Begin paused.'),
    Setting('clock_hz', 0.0, 'Messages per second on /clock, in the time of the bag; 0: none.', 'Hz', 0.0, 1000.0),
    Setting('topics', [''], 'What to play; empty: everything. Remap topics as those of any node.'),
    Setting('exclude', '', 'Regular expression: topics that match it as a whole are not played.'),
)
