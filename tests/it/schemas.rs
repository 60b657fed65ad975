//! The published schemas accept what is read and written here.
