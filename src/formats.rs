//! Pure parsers and validators over bytes: no I/O, no clock, never a panic on hostile input.
