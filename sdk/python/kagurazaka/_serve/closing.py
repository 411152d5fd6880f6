"""The end of a process that has user code in it: what the code left to be done at exit is done, and what fails is told."""

from __future__ import annotations

import errno
import gc
import io
import sys
import threading
from typing import Any, Optional

from .._proto import plugin_pb2 as pb
from . import failures, process

# Threads of the SDK's own, which are not waited for.
THREADS = "kagurazaka-"

_LOST = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG}


class Closing:
    """Ends what user code began, and collects what goes wrong."""

    def __init__(self) -> None:
        self.errors: list[tuple[str, BaseException]] = []

    def processes(self) -> None:
        """What multiprocessing does at the end of a process: queues hand over what they still hold, finalizers run."""
        util: Any = sys.modules.get("multiprocessing.util")
        if util is None:
            return
        # multiprocessing prints what a finalizer raises, and goes on.
        call = util.Finalize.__call__

        def recorded(finalizer: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return call(finalizer, *args, **kwargs)
            except Exception as error:
                self.errors.append(("a finalizer of multiprocessing", error))
                raise

        util.Finalize.__call__ = recorded
        try:
            util._exit_function()
        except BaseException as error:
            self.errors.append(("the end of multiprocessing", error))
        finally:
            util.Finalize.__call__ = call

    def threads(self) -> None:
        """Wait for threads of user code that are no daemons, as Python does; pools of threads are told that no more comes."""
        pools: Any = sys.modules.get("concurrent.futures.process")
        if pools is not None:
            pools._python_exit()
        futures: Any = sys.modules.get("concurrent.futures.thread")
        if futures is not None:
            # The SDK has a pool itself, which must live on: hence not futures._python_exit.
            futures._shutdown = True
            for thread, work in list(futures._threads_queues.items()):
                if not thread.name.startswith(THREADS):
                    work.put(None)
        try:
            for thread in threading.enumerate():
                if not (thread.daemon or thread.name.startswith(THREADS) or thread is threading.current_thread()):
                    if thread is not threading.main_thread():
                        thread.join()
        finally:
            if futures is not None:
                futures._shutdown = False

    def exit_functions(self) -> None:
        """Run what atexit has."""
        import atexit

        hook = sys.unraisablehook

        def recorded(told: Any, /) -> None:
            if told.exc_value is not None and not isinstance(told.exc_value, SystemExit):
                self.errors.append(("a function of atexit", told.exc_value))
            hook(told)

        sys.unraisablehook = recorded
        try:
            atexit._run_exitfuncs()
        except SystemExit:
            pass
        except BaseException as error:  # before Python 3.10 the last one is raised
            self.errors.append(("a function of atexit", error))
        finally:
            sys.unraisablehook = hook

    def files(self) -> None:
        """Write what open files still hold."""
        for thing in gc.get_objects():
            # By type: asking an arbitrary object for its __class__ may run code of its own.
            if issubclass(type(thing), (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)):
                try:
                    thing.flush()
                except OSError as error:
                    if error.errno in _LOST:
                        self.errors.append((f"the last of what was written to {getattr(thing, 'name', 'a file')}", error))
                except ValueError:
                    pass

    def error(self) -> Optional[Any]:
        """An Error about everything that went wrong; None where nothing did."""
        if not self.errors:
            return None
        made = failures.of_exception(self.errors[0][1])
        lines = [f"{what}: {type(error).__qualname__}: {error}" for what, error in self.errors]
        made.message = failures.cut("\n".join(lines))
        return made


def of_worker() -> Optional[Any]:
    """End what user code began in a forked worker; an Error, or None. What the process that made it left is that one's."""
    closing = Closing()
    closing.processes()
    closing.threads()
    closing.exit_functions()
    process.flush_standard_streams()
    return closing.error()


def tell(error: Any) -> bytes:
    """The message that ends a Run stream after a task that could not be closed."""
    return pb.RunResponse(close_error=error).SerializeToString()
