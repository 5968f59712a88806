"""The two colour themes of blit; Textual's own stay available."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="blit",
    primary="#4aa8ff",
    secondary="#7fd0c0",
    accent="#7fd0c0",
    foreground="#dfe6ee",
    background="#0f1419",
    surface="#141b22",
    panel="#1c242e",
    success="#4fc08d",
    warning="#ffb454",
    error="#ff6f6f",
    dark=True,
    variables={"block-cursor-text-style": "none", "footer-key-foreground": "#4fd6be"},
)
LIGHT = Theme(
    name="blit-light",
    primary="#0b62c4",
    secondary="#0d7a6b",
    accent="#0d7a6b",
    foreground="#1b2430",
    background="#fbfcfd",
    surface="#f1f4f7",
    panel="#e3e9ef",
    success="#117a43",
    warning="#a35200",
    error="#c0222c",
    dark=False,
    variables={"block-cursor-text-style": "none", "footer-key-foreground": "#0d6a5d"},
)
