"""The end of a process with user code: it runs the code's exit steps and reports their failures."""

from __future__ import annotations

import errno
import gc
import io
import sys
import threading
from typing import Any, Optional

from .._proto import plugin_pb2 as pb
from . import failures, process

# The prefix of the names of the SDK's own threads, which are not waited for.
THREADS = "kagurazaka-"

_LOST = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG}


class Closing:
    """Ends what user code began, and collects the errors."""

    def __init__(self) -> None:
        self.errors: list[tuple[str, BaseException]] = []

    def processes(self) -> None:
        """Run multiprocessing's exit steps: queues hand over their contents, finalizers run."""
        util: Any = sys.modules.get("multiprocessing.util")
        if util is None:
            return
        # multiprocessing prints the exception of a finalizer and continues.
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
        """Wait for non-daemon threads of user code, as Python does, and shut down its thread pools."""
        pools: Any = sys.modules.get("concurrent.futures.process")
        if pools is not None:
            pools._python_exit()
        futures: Any = sys.modules.get("concurrent.futures.thread")
        if futures is not None:
            # Not futures._python_exit: the SDK's own pool must continue.
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
        """Run the functions that are registered with atexit."""
        import atexit

        hook = sys.unraisablehook

        def recorded(unraisable: Any, /) -> None:
            if unraisable.exc_value is not None and not isinstance(unraisable.exc_value, SystemExit):
                self.errors.append(("a function of atexit", unraisable.exc_value))
            hook(unraisable)

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
        """Flush all open files."""
        for thing in gc.get_objects():
            # By type: reading an arbitrary object's __class__ may run its code.
            if issubclass(type(thing), (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)):
                try:
                    thing.flush()
                except OSError as error:
                    if error.errno in _LOST:
                        self.errors.append((f"the last of what was written to {getattr(thing, 'name', 'a file')}", error))
                except ValueError:
                    pass

    def error(self) -> Optional[Any]:
        """Return one Error for all errors, or None."""
        if not self.errors:
            return None
        made = failures.of_exception(self.errors[0][1])
        lines = [f"{what}: {type(error).__qualname__}: {error}" for what, error in self.errors]
        made.message = failures.cut("\n".join(lines))
        return made


def of_worker() -> Optional[Any]:
    """End what user code began in a forked worker. Returns an Error or None. The parent ends what it began itself."""
    closing = Closing()
    closing.processes()
    closing.threads()
    closing.exit_functions()
    process.flush_standard_streams()
    return closing.error()


def message(error: Any) -> bytes:
    """Return the last message of a Run stream whose task could not be closed."""
    return pb.RunResponse(close_error=error).SerializeToString()
