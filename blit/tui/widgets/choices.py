"""Check boxes and radio buttons whose state can be read without colours: [x] [ ] (•) ( )."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Checkbox, RadioButton


class Check(Checkbox):
    @property
    def _button(self) -> Content:
        return Content("[x]" if self.value else "[ ]")


class Radio(RadioButton):
    @property
    def _button(self) -> Content:
        return Content("(•)" if self.value else "( )")
