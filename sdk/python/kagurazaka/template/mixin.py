"""The placeholder for template fields that the mixin fills."""

KAGURAZAKA_MIXIN_PLACEHOLDER = "___KAGURAZAKA_MIXIN_PLACEHOLDER___"
