"""The one exception that means: the user's input is at fault, and here is what to do about it."""

__all__ = ['InputError']


class InputError(ValueError):
    """
    A problem with what the user gave: a bag, a bundle, a name, a value.

    The message says in one line what was required, what arrived, and what to do. The command line prints it
    without a traceback; the nodes log it.
    """
