"""The picture's fit as C: the sizes of one policy before a template that every policy shares."""

from lnn_controller.export.c.network import Network
from lnn_controller.export.c.text import comment, fill, number, template

__all__ = ['fit_source']


def fit_source(network: Network) -> str:
    """
    Write what makes a camera's picture into a policy's frame, as :func:`lnn_controller.policy.fit_frame` does.

    :param network: the policy's network
    :returns: the file
    """
    image = network.spec.image
    text = comment(
        f'The picture of the camera of {network.spec.name} into its frame of {image.height} x {image.width}.'
    )
    text += '#include "policy.h"\n#include "lnn_math.h"\n#include <stddef.h>\n\n'
    text += f'#define CROP_TOP {number(image.crop_top)}\n#define CROP_BOTTOM {number(image.crop_bottom)}\n\n'
    return fill(text + template('policy_fit.c'), network.name)
