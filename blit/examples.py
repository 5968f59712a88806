"""What stands below the options in `--help` and in the manual: examples for each verb."""

from __future__ import annotations

import argparse

EXIT_CODES = """\
exit codes: 0 done · 1 could not go on · 2 bad arguments · 3 some files failed
4 refused for safety · 5 nothing moved for 10 s · 6 --verify found a difference
130, 143 interrupted
"""

EXAMPLES = {
    "": """\
  blit                                 the full screen: queue, new transfer
  blit copy photos /mnt/stick          → /mnt/stick/photos
  blit copy photos/ /mnt/stick         → what is in photos, into /mnt/stick
  blit mirror --dry-run photos/ /backup/photos
  blit mirror --yes photos/ /backup/photos
  blit copy --help                     all that copy can do
""",
    "copy": """\
  blit copy photos /mnt/stick          → /mnt/stick/photos
  blit copy photos/ /mnt/stick         → what is in photos, into /mnt/stick
  blit copy a.jpg b.jpg /mnt/stick/    several; with the slash DST is a folder
  blit copy --exclude '*.o' --gitignore src/ /backup/src
  blit copy --verify film.mkv /mnt/stick && echo "it can be pulled out"
""",
    "mirror": """\
  blit mirror -n photos/ /backup/photos      what it would do, line by line
  blit mirror photos/ /backup/photos         asks before it deletes
  blit mirror --yes -q photos/ /backup/photos    each night, from cron
  blit mirror --checksum photos/ /backup/photos
""",
    "check": """\
  blit check photos/ /backup/photos    by size, time and metadata; 0 or 3
  blit check --checksum photos/ /backup/photos && echo "the same"
""",
    "move": """\
  blit move photos /mnt/big            → /mnt/big/photos, then photos is gone
  blit move -n photos/ /mnt/big/old    what it would do, line by line
""",
    "replay": """\
  blit copy --log-file run.ndjson photos/ /mnt/stick
  blit replay run.ndjson
  blit replay --speed 20 --no-tui run.ndjson
""",
    "history": """\
  blit history                         a browser, on a terminal
  blit history --limit 10 --no-tui     the last ten, as a table
  blit history --json | jq .outcome
""",
    "diagnostics": """\
  blit diagnostics perf                what runs here are like, and why
  blit diagnostics perf --disable      record no runs from now on
  blit diagnostics dump photos/ /mnt/stick     the route it would take, and why
""",
    "trash": """\
  blit mirror --trash photos/ /backup/photos     keeps what goes
  blit trash list -v /backup/photos              the runs, and every file
  blit trash restore /backup/photos last gone.jpg
  blit trash purge --older 30 --yes /backup/photos
""",
    "config": """\
  blit config                          each choice and where it comes from
  blit config --json | jq .choices.theme.value
""",
    "completions": """\
  blit completions bash > ~/.local/share/bash-completion/completions/blit
  blit completions zsh > ~/.zfunc/_blit      a folder of your $fpath
  blit completions fish > ~/.config/fish/completions/blit.fish
""",
}


class Help(argparse.HelpFormatter):
    """Fills paragraphs, and leaves examples as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("examples:"):
            return text
        return super()._fill_text(text, width, indent)


def epilog(prog: str) -> str:
    """For a parser called `blit` or `blit VERB`; verbs without examples have the exit codes."""
    verb = prog.partition(" ")[2]
    shown = EXAMPLES.get(verb)
    codes = "\n" + EXIT_CODES if verb in ("", "copy", "mirror") else ""
    return (f"examples:\n{shown}" if shown else "") + codes
