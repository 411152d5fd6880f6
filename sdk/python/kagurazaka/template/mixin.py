"""The placeholder for template fields that the mixin fills."""

from typing import Any

# Any field may have it, also one for numbers or lists.
PLACEHOLDER: Any = "___KAGURAZAKA_MIXIN_PLACEHOLDER___"

# The name in 0.1.1.
KAGURAZAKA_MIXIN_PLACEHOLDER: Any = PLACEHOLDER
