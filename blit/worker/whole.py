"""One large file by one worker, going on where an earlier run has left it."""

from __future__ import annotations

from blit.worker import status, wire
from blit.worker.context import join, raw
from blit.worker.copy import Changed, Copier, finish_file, open_source, same
from blit.worker.ladder import FIRST_CHUNK, Shrunk, Stopped
from blit.worker.partials import leave, may_be_over
from blit.worker.resume import Place, Unfinished
from blit.worker.system import os


def whole(
    copier: Copier, place: Place, sfd: int, dfd: int, name: str, target: str,
    pair: tuple[int, int], inherits: bool,
) -> tuple[int, int, str]:  # fmt: skip
    """One worker copies all of a large file: method, bytes moved, the temporary it is under.

    As Copier._careful, which is for the small ones.
    """
    context, page = copier.c, copier.page
    for attempt in (1, 2):
        page.operation(status.OPEN_SOURCE)
        s, info = open_source(name, sfd)
        file = None
        try:
            page.operation(status.CREATE)
            file = Unfinished(context, place, name, info, dfd, copier.options)
            mine = os.fstat(file.fd)
            page.operation(status.COPY)
            size = info.st_size
            holes = info.st_blocks << 9 < size
            ladder = context.ladder
            if file.old:
                if ladder.rungs.get(pair, wire.CLONE) == wire.CLONE and ladder.clone(s, file.fd):
                    method = wire.CLONE
                else:
                    ladder.rungs.setdefault(pair, wire.KERNEL)
                    method = file.fill(s, 0, size, pair, holes)
            else:
                if holes:
                    os.ftruncate(file.fd, size)
                reserve = size > FIRST_CHUNK and bool(copier.options & wire.PREALLOCATE)
                method = ladder.copy(s, file.fd, 0, size, pair, holes, reserve)
            if same(info, os.fstat(s)):
                page.operation(status.SET_METADATA)
                finish_file(context, s, file.fd, info, mine, copier.options, inherits)
                file.close()
                page.file_done(size if method == wire.CLONE else 0)
                copier.result.found_bytes -= file.matched
                return method, size - file.matched, file.name
        except Shrunk:
            if attempt == 2:
                assert file is not None
                file.discard()
                raise
        except (Stopped, OSError) as trouble:
            if isinstance(trouble, OSError) and not may_be_over(trouble):
                if file is not None:
                    file.discard()
            elif file is not None and file.fd < 0:  # it was closing: who knows what is there
                file.discard()
            elif file is not None:
                done = file.done
                if leave(file.name, dfd, file.fd, done, isinstance(trouble, OSError)):
                    copier.result.kept.append((raw(join(place[2], place[3], target)), done))
            raise
        finally:
            os.close(s)
            if file is not None and file.fd >= 0:
                os.close(file.fd)
        assert file is not None
        file.discard()
    raise Changed("it changes while it is copied")
