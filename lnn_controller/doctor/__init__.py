"""
What driving needs of a machine, and what is missing: for ``lnn doctor``, which issues ask for.

It works where nothing else does: this room loads no library itself. What could hang or crash runs in processes of their
own, by the very functions that driving, simulating and the nodes use.
"""
