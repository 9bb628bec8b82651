"""The study of online adaptation: drives, flights and a recording, frozen and adapted; ``lnn study adaptation``."""
