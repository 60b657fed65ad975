//! Other clients read what was written here, and write what is read here.
