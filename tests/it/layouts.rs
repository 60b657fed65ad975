//! OCI image layouts as source and destination.
