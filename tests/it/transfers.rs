//! Blobs on their way: chunks, resuming, mounts, corrupt content.
