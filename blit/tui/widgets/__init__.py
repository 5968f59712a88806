"""The panels: state in, picture out; no clock, no file, no engine."""
