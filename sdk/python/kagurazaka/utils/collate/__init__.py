"""Functions that make a batch of samples, for a DataLoader's ``collate_fn``, and batches of samples of similar length."""

from ..._elements import Columns
from ._arrays import ShapeError
from .bucket import batch_by
from .default_extended import default_collate as default_collate_extended
from .nested import dict_collate, nested_collate
from .ragged import list_collate, pad_collate

__all__ = ["Columns", "ShapeError", "batch_by", "default_collate_extended", "dict_collate", "list_collate", "nested_collate", "pad_collate"]
