//! The recovery kit: with it and a network, nothing else is needed.
