import os
import sys

import sibling_helper
from record import called, put

from kagurazaka import KagurazakaTask

DATA = os.path.join(os.path.dirname(__file__), "sibling_helper.py")


class Names(KagurazakaTask):
    def generate_tasks(self):
        return [{"i": 0}]

    def is_executed(self, **item):
        return False

    def process(self, i):
        called()
        folder = os.path.dirname(os.path.abspath(__file__))
        put("names", f"{__name__} {os.path.basename(__file__)} {type(self).__module__} {sibling_helper.NAME} {folder in sys.path}")
        put("data", open(DATA).read())
