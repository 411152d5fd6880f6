"""Finds the inputs of a description, so that the host knows when to ask for it again.

A task file is code. Its description may depend on anything that this code reads during the import, and while a constructor runs
up to its parser. This package interprets the sources without running them (statements.py, expressions.py, calls.py). Every
expression has an abstract value (values.py), and everything that is read from outside is recorded with its state (inputs.py). A
value that the interpreter does not understand is an Opaque with the reason. If one flows into the description, that is valid
only once.

The rule is an allow-list (known.py): a call of anything that is not on it is opaque.
"""
