"""Reads configurations as kagurazaka 0.1.1 does, with OmegaConf: a JSON object a line in, {"cfg": …, "dots": […]}, the mixin a line out.

Scalars and keys are written with their types, "int:1"; what cannot be read is "error".
"""

import json
import sys
import warnings

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

warnings.simplefilter("ignore")


def typed(value):
    if isinstance(value, dict):
        return {typed(key): typed(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [typed(entry) for entry in value]
    if value is None:
        return "null"
    kind = type(value).__name__
    return f"{kind if kind in ('bool', 'int', 'float', 'str') else 'other'}:{value}"


for line in sys.stdin:
    case = json.loads(line)
    try:
        cfg = OmegaConf.create(case["cfg"])
        cfg.mixin = OmegaConf.merge(cfg.mixin, OmegaConf.from_dotlist(case["dots"]))
        OmegaConf.resolve(cfg)
        answer = typed(OmegaConf.to_container(cfg.mixin))
    except (OmegaConfBaseException, YAMLError, ValueError, TypeError, AttributeError, RecursionError, IndexError) as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
