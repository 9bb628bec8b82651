"""Checkpoints of a training: each replaced as a whole, and one that is damaged named."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO

from lnn_controller.errors import InputError, NotWrittenError
from lnn_controller.policy.files import write_whole

__all__ = ['Checkpoints']


class Checkpoints(TorchCheckpointIO):
    """
    How Lightning writes and reads checkpoints.

    Its own way writes to TMPDIR and copies from there over the checkpoint before: a disk that is full then leaves half
    a file of the new one, and nothing to go on from.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """
        Write a checkpoint in place of the one before.

        :param checkpoint: of Lightning
        :param path: of the file
        :param storage_options: of other storages than files
        :raises NotWrittenError: if it cannot be written; the one before is kept
        """
        content = io.BytesIO()
        torch.save(checkpoint, content)
        path = Path(path)
        try:
            write_whole(path, content.getvalue())
        except OSError as error:
            kept = 'the one before is kept: make room, and go on with --resume' if path.exists() else 'make room'
            raise NotWrittenError(f'a checkpoint must be written. Got {path}: {error.strerror}; {kept}') from None

    def load_checkpoint(self, path: Any, map_location: Any = 'cpu', weights_only: bool | None = None) -> dict[str, Any]:
        """
        Read a checkpoint.

        :param path: of the file
        :param map_location: where its tensors go
        :param weights_only: as of ``torch.load``
        :returns: what was written
        :raises InputError: if it is not whole
        """
        try:
            loaded: dict[str, Any] = torch.load(path, map_location=map_location, weights_only=weights_only)
        except Exception as error:  # of PyTorch's readers each has its own
            said = ' '.join(str(error).split())[:80]
            raise InputError(
                f'a checkpoint must be whole. Got {path}: {said or type(error).__name__}; train anew with --overwrite'
            ) from None
        return loaded
