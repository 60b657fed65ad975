//! Guarding, against real sockets.
