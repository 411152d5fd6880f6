"""What a description was made from, so that the host knows when it has to ask again.

A task file is code: what it says of its tasks may depend on anything that this code reads while it is imported, and while a
constructor is run up to its parser. The sources are interpreted here without being run (statements.py, expressions.py, calls.py):
every expression has an abstract value (values.py), and what is read from outside is recorded with its state (inputs.py). A value
that the interpreter does not understand is an Opaque with the reason. If one flows into what the description says, the
description is valid for once.

The rule is a list of what is understood (known.py), not one of what is dangerous: a call of anything else is opaque.
"""
