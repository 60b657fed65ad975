//! Dialling, against real sockets.
