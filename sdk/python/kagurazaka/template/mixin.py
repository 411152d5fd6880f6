"""The placeholder for template fields that are left to the mixin."""

KAGURAZAKA_MIXIN_PLACEHOLDER = "___KAGURAZAKA_MIXIN_PLACEHOLDER___"
