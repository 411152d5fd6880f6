"""What unusual_classes.py gives its tasks to."""

from applied_base import note


def attach(task):
    def process(input):
        note(input.path)

    task.process = process


def attach_all(task):
    def process(n):
        note(n)

    task.process = process
    task.is_executed = lambda n: False
    task.generate_tasks = lambda: [{"n": 1}]


def attach_to_type(task):
    type(task).__call__ = lambda self, input: note(input.path)
