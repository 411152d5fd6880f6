"""The decorators that give a task its template."""
