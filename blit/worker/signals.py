"""The functions and numbers of `signal` without its enums, which take 5 ms to import."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    try:
        import _signal as signal
    except ImportError:  # another Python
        import signal

__all__ = ["signal"]
