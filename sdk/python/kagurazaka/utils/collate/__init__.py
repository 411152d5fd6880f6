"""Functions that make a batch of samples, for a DataLoader's ``collate_fn``."""

from .default_extended import default_collate as default_collate_extended
from .ragged import list_collate, pad_collate

__all__ = ["default_collate_extended", "list_collate", "pad_collate"]
